"""Middleware for every request, in plain ASGI: `@app.middleware` costs more than an empty route."""

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import structlog
from prometheus_client import Histogram
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUESTS = Histogram("lobby_request_seconds", "Duration of requests", ["method", "route", "status"])
# Clients can invent methods, so only these become labels: each new label is a series for ever.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER_METHOD = "(other)"
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
    """Returns the policy of all pages with some directives changed, such as `frame_src="'self'"`.

    A route that sends it in its `POLICY` header changes the policy of its own page only.
    """
    changed = {name.replace("_", "-"): value for name, value in changes.items()}
    return "; ".join(f"{name} {value}" for name, value in (_DIRECTIVES | changed).items())


HEADERS = {
    POLICY: content_policy(),
    # Links in emails have a token, which other sites must not see.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_RAW = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
_POLICY = POLICY.lower().encode()
_HSTS = (b"strict-transport-security", b"max-age=31536000")
log = structlog.get_logger()


class Watch:
    """Adds security headers, and logs and measures each request by its route's template.

    It never logs the path or an unknown method, which may have personal data. A response with its
    own content policy keeps it: a browser applies all policies that it gets.
    """

    def __init__(self, app: ASGIApp, *, is_https: bool) -> None:
        self._app = app
        self._headers = [*_RAW, _HSTS] if is_https else _RAW
        self._but_policy = [header for header in self._headers if header[0] != _POLICY]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
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
            scope, send = {**scope, "method": "GET", "is_head": True}, _without_body(send)
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


def _note(scope: Scope, status: int, seconds: float) -> None:
    template = _template(scope)
    method = scope["method"] if scope["method"] in METHODS else OTHER_METHOD
    _labelled(method, template, status).observe(seconds)
    milliseconds = round(seconds * 1000, 1)
    log.info("request", method=method, route=template, status=status, ms=milliseconds)


@lru_cache(maxsize=2000)
def _labelled(method: str, template: str, status: int) -> Histogram:
    """Cached, since looking up the labels costs more than observing."""
    return REQUESTS.labels(method, template, status)


def _template(scope: Scope) -> str:
    """The path of the route as declared, with the prefixes of routers, which `route.path` lacks."""
    template = scope.get("route_template")  # set where a request does not reach the router
    if isinstance(template, str):
        return template
    context: Any = scope.get("fastapi", {}).get("effective_route_context")
    path = getattr(context or scope.get("route"), "path", None)
    return path if isinstance(path, str) else "(none)"
