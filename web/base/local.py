"""Tells a browser on this machine from all others."""

import re

from fastapi import Request

from core.listening import is_loopback_host
from core.settings import Settings

_HOST = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?", re.IGNORECASE)
# With any of these a proxy passed the request on. uvicorn replaces the client's address only if it
# trusts the proxy, and then believes what the proxy says.
_FORWARDED = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP")


def is_on_this_machine(request: Request, settings: Settings) -> bool:
    """Returns whether the base URL and the client are on loopback, with no proxy between them.

    The Host header must be too: a page of another site can have its name lead here (DNS rebinding).
    """
    return (
        settings.is_on_loopback
        and request.client is not None
        and is_loopback_host(request.client.host)
        and _HOST.fullmatch(request.headers.get("Host", "")) is not None
        and not any(name in request.headers for name in _FORWARDED)
    )
