"""Refuses requests that name another host than the one of `LOBBY_BASE_URL`. Plain ASGI.

So no page is shown under a name that is not the service's own (DNS rebinding, a poisoned cache).
Loopback is always served: a proxy on the same machine may send its own target as Host. Health
checks and Prometheus call a process by any address.
"""

import ipaddress
from collections.abc import Awaitable, Callable
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.http.errors import Misdirected
from api.http.response_headers import RawHeaders

AT_ANY_HOST = frozenset({"/livez", "/readyz", "/metrics"})
ErrorResponse = Callable[[Request, Exception], Awaitable[Response]]


class ServedHosts:
    """The hosts that are served: one, and loopback. Ports are not compared."""

    def __init__(self, base_url: str) -> None:
        self.base_url, self._own = base_url, urlsplit(base_url).hostname
        # Clients can invent hosts, so the memory of them is bounded.
        self._is_served = lru_cache(maxsize=256)(self._check)

    def serve(self, headers: RawHeaders) -> bool:
        """Returns whether every Host of a request is served."""
        hosts = [value for name, value in headers if name == b"host"]
        return all(map(self._is_served, hosts))

    def _check(self, header: bytes) -> bool:
        try:
            host = urlsplit(f"//{header.decode('ascii')}").hostname
        except ValueError:
            return False
        if host is None or b"@" in header or b"#" in header:
            return False
        return host.rstrip(".") in (self._own, "localhost") or _is_loopback(host)


class Hosts:
    """Middleware that refuses other hosts than those served."""

    def __init__(self, app: ASGIApp, *, served: ServedHosts, answer: ErrorResponse) -> None:
        self._app, self._served, self._answer = app, served, answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in AT_ANY_HOST:
            return await self._app(scope, receive, send)
        if not self._served.serve(scope["headers"]):
            return await self._refuse(scope, receive, send)
        return await self._app(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["route_template"] = "(another host)"
        message = (
            f"This service is at {self._served.base_url}. The Host of this request is another one. "
            "If you run the service, check LOBBY_BASE_URL, and let the proxy pass the Host on."
        )
        response = await self._answer(Request(scope), Misdirected("host_unknown", message))
        await response(scope, receive, send)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
