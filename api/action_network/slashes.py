"""Ignores a slash at the end of the dialect's paths, in plain ASGI.

A redirect would lose the body of a POST.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from api.action_network.places import is_dialect


class Slashes:
    """Middleware before the router."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].endswith("/") and is_dialect(scope["path"]):
            # Change this scope, not a copy: the access log reads the route from it.
            scope["path"] = scope["path"].rstrip("/")
        await self._app(scope, receive, send)
