"""The cookies of somebody who signs in: the session's, and that of a known device."""

from fastapi import Request, Response

from api.answers.state import state_of
from services.accounts import devices, known_devices, sessions
from services.accounts.signing_in import Entry, Visitor
from web.base.dependencies import cookie_name, device_cookie_name


def visitor_of(request: Request) -> Visitor:
    """Returns the browser of a request, with the token that makes it a known device."""
    settings = state_of(request).lobby.settings
    device = devices.in_words(request.headers.get("User-Agent", ""))
    return Visitor(device, request.cookies.get(device_cookie_name(settings)))


def device_of(request: Request) -> str:
    """Returns the browser of a request in words."""
    return visitor_of(request).device


def keep_entry(request: Request, response: Response, entry: Entry) -> None:
    """Sets the cookies after a password, or after a code."""
    settings = state_of(request).lobby.settings
    _keep(request, response, cookie_name(settings), entry.session_token, sessions.LONGEST.days)
    if entry.device_token is not None:
        keep_device(request, response, entry.device_token)


def keep_device(request: Request, response: Response, token: str) -> None:
    """Sets the cookie of a known device for another year."""
    name = device_cookie_name(state_of(request).lobby.settings)
    _keep(request, response, name, token, known_devices.KEPT.days)


def forget_session(request: Request, response: Response) -> None:
    """Deletes the cookie of the session."""
    settings = state_of(request).lobby.settings
    is_https = settings.base_url.startswith("https:")
    response.delete_cookie(cookie_name(settings), path="/", secure=is_https, httponly=True)


def _keep(request: Request, response: Response, name: str, token: str, days: int) -> None:
    is_https = state_of(request).lobby.settings.base_url.startswith("https:")
    response.set_cookie(
        name,
        token,
        max_age=days * 24 * 60 * 60,
        path="/",
        secure=is_https,
        httponly=True,
        samesite="lax",
    )
