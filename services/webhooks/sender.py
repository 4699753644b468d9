"""Talking to the endpoints of others: to public addresses only, within bounds of time and size.

A name is looked up when we connect, every address that it has is looked at, and the connection goes
to the very one that was: a name that points elsewhere a moment later gains nothing. Nothing else
looks names up. TLS still asks for the name's certificate. No redirect is followed, no proxy is
used, and every delivery has a connection of its own.
"""

import ssl
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import dns.exception
import httpcore2
from dns.resolver import Resolver

from services.errors import Invalid
from services.webhooks import addresses

SECONDS = 10.0  # for everything: looking up, connecting, sending, and being answered
CONNECT_SECONDS = 4.0
LOOK_UP_SECONDS = 4.0
MOST_ADDRESSES = 4
MOST_BYTES = 64 * 1024  # of an answer, which nobody reads
_HEADERS = (("User-Agent", "CentralLobby/0.1 (webhooks)"), ("Connection", "close"))

Resolve = Callable[[str], Sequence[str]]
"""The addresses of a name, as texts; none where it has none."""


@dataclass(frozen=True, slots=True)
class Reply:
    """How a delivery ended: with a status, or an `error` in our own words. `retry_after` is in
    seconds, where the answer has one that we understand."""

    status: int | None = None
    error: str | None = None
    retry_after: float | None = None

    @property
    def is_good(self) -> bool:
        """Taken: any 2xx."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """The receiver wants nothing any more."""
        return self.status == 410  # RFC 9110, 15.5.11


class AddressNotAllowed(httpcore2.ConnectError):
    """A name that stands for an address that we do not connect to."""


def look_up(name: str, *, resolver: Resolver | None = None) -> Sequence[str]:
    """What DNS says, without the machine's own file of hosts, and within bounds of time."""
    try:
        found = (resolver or Resolver()).resolve_name(name, lifetime=LOOK_UP_SECONDS, search=False)
    except dns.exception.DNSException:
        return ()
    return tuple(found.addresses())


class WebhookSender:
    """Sends deliveries. `resolve` looks names up, and `connect` opens the connection to an address
    (as `httpcore2.NetworkBackend.connect_tcp`); `is_allowed` says of each address whether we may.
    """

    def __init__(
        self,
        *,
        resolve: Resolve = look_up,
        to_loopback: bool = False,
        is_allowed: Callable[[str], bool] = addresses.is_public,
        connect: Callable[..., httpcore2.NetworkStream] | None = None,
        tls: ssl.SSLContext | None = None,
        seconds: float = SECONDS,
    ) -> None:
        self.to_loopback = to_loopback
        self._resolve = resolve
        self._is_allowed = is_allowed
        self._connect = connect or httpcore2.SyncBackend().connect_tcp
        self._tls = tls
        self._seconds = seconds

    def post(self, url: str, content: bytes, headers: Mapping[str, str]) -> Reply:
        """Post once. Never raises for what a receiver does, or does not do."""
        deadline = time.monotonic() + self._seconds
        backend = _CheckedBackend(self._addresses, self._connect, deadline)
        timeouts = dict.fromkeys(("read", "write", "pool"), self._seconds)
        timeouts["connect"] = min(CONNECT_SECONDS, self._seconds)
        try:
            addresses.url(url, to_loopback=self.to_loopback)
            with (
                httpcore2.ConnectionPool(
                    ssl_context=self._context(url), network_backend=backend, max_connections=1
                ) as pool,
                pool.stream(
                    "POST",
                    url,
                    headers=[*headers.items(), *_HEADERS],
                    content=content,
                    extensions={"timeout": timeouts},
                ) as response,
            ):
                return _reply(response)
        except Invalid:
            return Reply(error="this address is not allowed")
        except _FAULTS as error:
            return Reply(error=_error_text(error))

    def _context(self, url: str) -> ssl.SSLContext | None:
        """Made when it is needed first, and once: it reads every certificate authority."""
        if self._tls is None and url.startswith("https:"):
            self._tls = httpcore2.default_ssl_context()
        return self._tls

    def _addresses(self, host: str) -> Sequence[str]:
        """The addresses to connect to. NotAllowed where one of them is none that we may: a name
        that mixes them means no good."""
        if self.to_loopback and host in addresses.LOOPBACK_HOSTS:
            return (addresses.LOOPBACK_HOSTS[host],)
        found = (host,) if self._is_allowed(host) else self._resolve(host)
        if not found:
            raise httpcore2.ConnectError("the name is not known")
        if not all(self._is_allowed(address) for address in found):
            raise AddressNotAllowed("an address is not allowed")
        return found[:MOST_ADDRESSES]


class _CheckedBackend(httpcore2.NetworkBackend):
    """Connects to addresses that were looked at, and keeps to a deadline."""

    def __init__(
        self,
        address_lookup: Callable[[str], Sequence[str]],
        connect: Callable[..., httpcore2.NetworkStream],
        deadline: float,
    ) -> None:
        self._addresses = address_lookup
        self._connect = connect
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """To the first address that answers. An address is no name: nothing is looked up again."""
        failed: Exception = httpcore2.ConnectError("no address")
        for address in self._addresses(host):
            try:
                stream = self._connect(
                    address,
                    port,
                    timeout=_time_left(self._deadline, timeout),
                    local_address=local_address,
                    socket_options=socket_options,
                )
                return _DeadlineStream(stream, self._deadline)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failed = error
        raise failed


class _DeadlineStream(httpcore2.NetworkStream):
    """A connection on which nothing takes longer than there is time: a receiver that sends a byte
    now and then keeps us no longer than one that is silent."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """As the stream does."""
        return self._stream.read(max_bytes, _time_left(self._deadline, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """As the stream does."""
        self._stream.write(buffer, _time_left(self._deadline, timeout))

    def close(self) -> None:
        """As the stream does."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        """As the stream does."""
        left = _time_left(self._deadline, timeout)
        return _DeadlineStream(
            self._stream.start_tls(ssl_context, server_hostname, left), self._deadline
        )

    def get_extra_info(self, info: str) -> Any:
        """As the stream does."""
        return self._stream.get_extra_info(info)


_FAULTS = (
    httpcore2.TimeoutException,
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.UnsupportedProtocol,
)


def _time_left(deadline: float, timeout: float | None) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore2.ReadTimeout("no time is left")
    return left if timeout is None else min(left, timeout)


def _reply(response: httpcore2.Response) -> Reply:
    """What the status says counts, even where the rest of the answer never comes."""
    taken = 0
    try:
        for chunk in response.iter_stream():
            taken += len(chunk)
            if taken > MOST_BYTES:
                break
    except _FAULTS:
        pass
    return Reply(status=response.status, retry_after=_retry_after(response))


def _retry_after(response: httpcore2.Response) -> float | None:
    """Of seconds, or of a time by the receiver's own clock (RFC 9110, 10.2.3)."""
    headers = {name.lower(): value.decode("latin-1") for name, value in response.headers}
    text = headers.get(b"retry-after", "").strip()
    if text.isdecimal() and len(text) < 9:  # three years
        return float(text)
    try:
        until, now = (_utc(each) for each in (text, headers.get(b"date", "")))
    except (ValueError, OverflowError):
        return None
    return max(0.0, (until - now).total_seconds())


def _utc(text: str) -> datetime:
    found = parsedate_to_datetime(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _error_text(error: Exception) -> str:
    """Never what the error says: it could tell of the network that we sit in."""
    if isinstance(error, AddressNotAllowed):
        return "the name stands for an address that is not public"
    if isinstance(error, httpcore2.TimeoutException):
        return "no answer in time"
    if isinstance(error, httpcore2.ConnectError):
        is_tls = isinstance(error.__cause__ or error.__context__, ssl.SSLError)
        return "no secure connection: is the certificate good?" if is_tls else "no connection"
    if isinstance(error, httpcore2.NetworkError):
        return "the connection broke"
    return "no answer in HTTP"


def host_of(url: str) -> str:
    """For logs and checks: the rest of an address is often a secret."""
    return urlsplit(url).hostname or ""
