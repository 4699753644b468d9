"""The bounds of connections, the answers at a bound, and the patrol that looks for slow ones."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol
from weakref import WeakKeyDictionary

import structlog
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from api.http.problem import MEDIA_TYPE
from core import open_files

RetryAfter = int
Headers = list[tuple[bytes, bytes]]
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one server takes. Times are in seconds, and sizes in bytes.

    Times are counted in walks of the patrol, one a second. A server that had no time itself
    counts none against its clients.
    """

    head_bytes: int = 32_768
    """The request line and the headers. Browsers send some thousands of bytes, with cookies."""

    headers: int = 100
    """As in most web servers. A browser behind two proxies sends about 30."""

    head_seconds: int = 10
    """From connecting, or from the first byte of a further request, to the end of the headers."""

    body_seconds: int = 20
    """Without a byte of a body that is not complete, and the first time without `body_pace`."""

    body_pace: int = 4_000
    """Bytes of a body a second, on average. A form of 80 kB and less needs none: `body_seconds` are
    enough. The largest body, 21 MB, may take an hour and a half."""

    reader_seconds: int = 30
    """In which a client that does not read its answer is waited for."""

    reader_pace: int = 1_000
    """Bytes of the answers that wait for a client, a second, on average after that."""

    drain_seconds: int = 5
    """For the rest of a body whose answer is out, for example 413, so that the client reads it."""

    linger_seconds: int = 2
    """In which a refused client can read why. Closed at once, it would see a broken connection."""

    stop_seconds: int = 5
    """For unfinished bodies when the server stops. It must be less than uvicorn's grace."""

    pipelined: int = 100
    """Requests on one connection that wait for the one before."""

    requests: int = 2_000
    """Requests that are worked at, and unfinished bodies among them."""

    connections: int = 4_000
    """Half of the open files that the process may have is a second bound."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer in front of the application, as a problem; it ends the connection."""

    status: HTTPStatus
    code: str
    detail: str
    retry_after: RetryAfter = 0

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Answers a whole request, as an application."""
        start = {"status": int(self.status), "headers": self._headers()}
        await send({"type": "http.response.start", **start})
        await send({"type": "http.response.body", "body": self._content()})

    def answer(self, default_headers: Headers) -> bytes:
        """Returns the bytes that answer a request which is not whole."""
        lines = [f"HTTP/1.1 {self.status.value} {self.status.phrase}".encode()]
        lines += [name + b": " + value for name, value in [*default_headers, *self._headers()]]
        return b"\r\n".join([*lines, b"", self._content()])

    def _content(self) -> bytes:
        body = {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": int(self.status),
            "detail": self.detail,
            "code": self.code,
        }
        return json.dumps(body).encode()

    def _headers(self) -> Headers:
        retry = [(b"retry-after", b"%d" % self.retry_after)] if self.retry_after else []
        return [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", b"%d" % len(self._content())),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            *retry,
            (b"connection", b"close"),
        ]


MALFORMED = Refusal(HTTPStatus.BAD_REQUEST, "request_malformed", "This is not a request of HTTP.")
HEAD_TOO_LARGE = Refusal(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "headers_too_large",
    f"The request line and the headers have too many bytes: at most {Bounds().head_bytes:,}.",
)
TOO_MANY_HEADERS = Refusal(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "headers_too_many",
    f"The request has too many headers: at most {Bounds().headers}.",
)
HEAD_TOO_SLOW = Refusal(
    HTTPStatus.REQUEST_TIMEOUT,
    "headers_too_slow",
    "The headers of the request took too long. Please send them again.",
)
BODY_TOO_SLOW = Refusal(
    HTTPStatus.REQUEST_TIMEOUT,
    "body_too_slow",
    "The body of the request took too long. Please send it again, on a faster line or in parts.",
)
TOO_MANY_REQUESTS = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "busy",
    "The server is busy with many requests. Please try again in a moment.",
    retry_after=5,
)
TOO_MANY_CONNECTIONS = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "too_many_connections",
    "The server has many connections open. Please try again in a moment.",
    retry_after=5,
)
STOPPING = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "stopping",
    "The server is stopping. Please send this again in a moment.",
    retry_after=5,
)


class Watched(Protocol):
    """A connection as the patrol sees it."""

    def check(self, now: int) -> None:
        """Ends the connection if it is too slow. `now` is the number of the walk."""


class Patrol:
    """Walks along all connections of a server once a second: timers per request would cost more."""

    def __init__(self, most_connections: int) -> None:
        self.most_connections = min(most_connections, open_files.limit() // 2)
        self.connections: set[Watched] = set()
        self.stops_at: int | None = None
        self._now = 0
        self._refused: Counter[str] = Counter()
        self._next_walk: asyncio.TimerHandle | None = None

    def watch(self, connection: Watched, loop: asyncio.AbstractEventLoop) -> None:
        """Adds a connection, and starts to walk."""
        self.connections.add(connection)
        if self._next_walk is None:
            self._next_walk = loop.call_later(1, self._walk, loop)

    def note(self, code: str) -> None:
        """Counts a refusal for the log, which gets at most one line a second."""
        self._refused[code] += 1

    def stop(self, seconds: int) -> None:
        """Gives unfinished bodies some seconds more."""
        if self.stops_at is None:
            self.stops_at = self._now + seconds

    def _walk(self, loop: asyncio.AbstractEventLoop) -> None:
        self._now += 1
        for connection in tuple(self.connections):
            connection.check(self._now)
        if self._refused:
            log.warning("connections_refused", **self._refused)
            self._refused.clear()
        self._next_walk = loop.call_later(1, self._walk, loop) if self.connections else None


_patrols: WeakKeyDictionary[ServerState, Patrol] = WeakKeyDictionary()


def patrol_of(server: ServerState, bounds: Bounds) -> Patrol:
    """Returns the patrol of a server."""
    if server not in _patrols:
        _patrols[server] = Patrol(bounds.connections)
    return _patrols[server]


def size_of(url: bytes, headers: Iterable[tuple[bytes, bytes]]) -> int:
    """Returns about how many bytes a request line and its headers had."""
    return len(url) + sum(len(name) + len(value) + len(b": \r\n") for name, value in headers)
