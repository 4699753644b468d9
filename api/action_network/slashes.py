"""A slash at the end changes nothing. Plain ASGI: a redirect would lose the body of a POST."""

from starlette.types import ASGIApp, Receive, Scope, Send

from api.action_network.places import is_dialect


class Slashes:
    """In front of the router."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http" and scope["path"].endswith("/") and is_dialect(scope["path"]):
            # In place: the access log looks here for the route that was found.
            scope["path"] = scope["path"].rstrip("/")
        await self._app(scope, receive, send)
