"""What happens to every request. Plain ASGI: `@app.middleware` costs more than an empty route."""

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import structlog
from prometheus_client import Histogram
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUESTS = Histogram("lobby_request_seconds", "Duration of requests", ["method", "route", "status"])
POLICY = "Content-Security-Policy"
_DIRECTIVES = {
    "default-src": "'none'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}


def content_policy(**changes: str) -> str:
    """The policy of every page, with some directives changed or added: `frame_src="'self'"`.

    A route that sends it as its own `POLICY` header widens it for itself alone.
    """
    changed = {name.replace("_", "-"): value for name, value in changes.items()}
    return "; ".join(f"{name} {value}" for name, value in (_DIRECTIVES | changed).items())


HEADERS = {
    POLICY: content_policy(),
    # Links in mails carry a token: no other site may learn it.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_RAW = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
_POLICY = POLICY.lower().encode()
_HSTS = (b"strict-transport-security", b"max-age=31536000")
log = structlog.get_logger()


class Watch:
    """Adds the headers of safety, and logs each request by its route's template, never its path.

    The content policy of an answer that brings its own stands: two would both hold.
    """

    def __init__(self, app: ASGIApp, *, is_https: bool) -> None:
        self._app = app
        self._headers = [*_RAW, _HSTS] if is_https else _RAW
        self._but_policy = [header for header in self._headers if header[0] != _POLICY]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, begun = 500, time.perf_counter()

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                has_own = _POLICY in dict(message["headers"])
                added = self._but_policy if has_own else self._headers
                message["headers"] = [*message["headers"], *added]
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            _note(scope, status, time.perf_counter() - begun)


class Guard:
    """What no route should have to think of: HEAD, and bodies without end.

    `largest_body` says in bytes how large one may be that goes to a path.
    """

    def __init__(self, app: ASGIApp, *, largest_body: Callable[[str], int]) -> None:
        self._app = app
        self._largest_body = largest_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "HEAD":  # mail scanners and link checkers ask so
            # `is_head` is for answers that are long in the making.
            scope, send = {**scope, "method": "GET", "is_head": True}, _without_body(send)
        largest = self._largest_body(scope["path"])
        await self._app(scope, _limited(receive, largest), send)


def _limited(receive: Receive, largest: int) -> Receive:
    taken = 0

    async def receive_some() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > largest:
            raise HTTPException(413, f"At most {largest:,} bytes, please.")
        return message

    return receive_some


def _without_body(send: Send) -> Send:
    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return send_head


def _note(scope: Scope, status: int, seconds: float) -> None:
    template = _template(scope)
    _labelled(scope["method"], template, status).observe(seconds)
    milliseconds = round(seconds * 1000, 1)
    log.info("request", method=scope["method"], route=template, status=status, ms=milliseconds)


@lru_cache(maxsize=2000)
def _labelled(method: str, template: str, status: int) -> Histogram:
    """Finding the one for some labels costs more than to observe."""
    return REQUESTS.labels(method, template, status)


def _template(scope: Scope) -> str:
    """The route as declared, with the prefixes of its routers, which `route.path` lacks."""
    named = scope.get("route_template")  # past the router
    if isinstance(named, str):
        return named
    whole: Any = scope.get("fastapi", {}).get("effective_route_context")
    found = getattr(whole or scope.get("route"), "path", None)
    return found if isinstance(found, str) else "(none)"
