"""Middleware for every request, in plain ASGI: `@app.middleware` costs more than an empty route."""

import random
import re
import time
from collections.abc import Awaitable, Callable

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.errors import InternalError
from api.http.response_headers import REQUEST_ID, RawHeaders, ResponseHeaders
from core import logs, requests_seen

ErrorResponse = Callable[[Request, Exception], Awaitable[Response]]
# An id that a proxy made. Anything else could put words of a stranger into the log.
_PLAIN_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
# An id need not be a secret. A counter would tell strangers how many requests there are.
_random_bits = random.Random().getrandbits  # noqa: S311 - see above
_BEGUN = "lobby.begun"
_READS = frozenset({"GET", "HEAD"})
log = structlog.get_logger()


class Watch:
    """Adds headers, and logs and measures each request by its route's template.

    It never logs the path or an unknown method, which may have personal data. Every log entry of
    the request has its id, and so has the response.
    """

    def __init__(self, app: ASGIApp, *, headers: ResponseHeaders, answer: ErrorResponse) -> None:
        self._app, self._headers, self._answer = app, headers, answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, (began_at, request_id) = 0, begin(scope)

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status, given = message["status"], message["headers"]
                may_be_kept = status < 400 and scope["method"] in _READS
                template = _template(scope) if may_be_kept else None
                added = self._headers.missing(scope["path"], given, template)
                message["headers"] = [*given, *added, (REQUEST_ID, request_id.encode())]
            await send(message)

        token = logs.request_id.set(request_id)
        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:
            if status == 0:
                await self._report(error, scope, receive, send_with_headers)
            raise
        finally:
            seconds, route = time.perf_counter() - began_at, _template(scope)
            requests_seen.note(scope["method"], route, status or 500, seconds, request_id)
            logs.request_id.reset(token)

    async def _report(self, error: Exception, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers what nobody expected. The server's own log has the traceback."""
        log.error("request_failed", error=type(error).__name__)
        message = "Something went wrong on our side, and it is in our log. Please try again."
        failure = InternalError("internal_error", message)
        response = await self._answer(Request(scope), failure)
        await response(scope, receive, send)


def begin(scope: Scope) -> tuple[float, str]:
    """Returns when a request began, and its id. A second call returns the same."""
    begun: tuple[float, str] | None = scope.get(_BEGUN)
    if begun is None:
        begun = time.perf_counter(), _request_id(scope["headers"])
        scope[_BEGUN], scope["request_id"] = begun, begun[1]
    return begun


def _request_id(headers: RawHeaders) -> str:
    """Returns the id that a proxy gave, if it is short and plain, or a new one."""
    for name, value in headers:
        if name == REQUEST_ID and _PLAIN_ID.fullmatch(value):
            return value.decode()
    return f"{_random_bits(64):016x}"


class Guard:
    """Answers HEAD as GET without a body, and refuses bodies that are too large.

    `largest_body` returns the limit for a path, in bytes.
    """

    def __init__(self, app: ASGIApp, *, largest_body: Callable[[str], int]) -> None:
        self._app = app
        self._largest_body = largest_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "HEAD":  # as mail scanners and link checkers do
            # `is_head` lets a route skip the making of a long body.
            as_get = {**scope, "method": "GET", "is_head": True}
            scope["as_get"] = as_get  # the router leaves the route there
            scope, send = as_get, _without_body(send)
        largest = self._largest_body(scope["path"])
        await self._app(scope, _limited(receive, largest), send)


def _limited(receive: Receive, largest: int) -> Receive:
    received = 0

    async def receive_some() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > largest:
            raise HTTPException(413, f"At most {largest:,} bytes, please.")
        return message

    return receive_some


def _without_body(send: Send) -> Send:
    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return send_head


def _template(scope: Scope) -> str:
    """The path of the route as declared, with its prefix."""
    scope = scope.get("as_get", scope)
    template = scope.get("route_template")  # set where a request does not reach the router
    if isinstance(template, str):
        return template
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else "(none)"
