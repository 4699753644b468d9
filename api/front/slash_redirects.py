"""Redirects a path with a slash at its end to the one without, if there is a route.

Starlette's own redirect writes the request's Host into `Location`.
"""

from collections.abc import Sequence
from urllib.parse import quote

from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send


class SlashRedirects:
    """The last resort of a router: `default` answers what has no route without the slash either."""

    def __init__(self, routes: Sequence[BaseRoute], default: ASGIApp) -> None:
        self._routes, self._default = routes, default

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        # With two slashes in front, a browser would take the path for another site's address.
        bare = "/" + path.strip("/")
        if scope["type"] != "http" or not path.endswith("/") or not self._has_route(scope, bare):
            return await self._default(scope, receive, send)
        query = scope["query_string"].decode("latin-1")
        location = quote(bare) + (f"?{query}" if query else "")
        return await RedirectResponse(location)(scope, receive, send)

    def _has_route(self, scope: Scope, path: str) -> bool:
        scope = {**scope, "path": path}
        return any(route.matches(scope)[0] is not Match.NONE for route in self._routes)
