"""Protects the desk's forms against forms on other sites (cross-site request forgery).

A form holds a keyed hash of its session's token, which no other site can know. Before signing in,
it holds that of a cookie of its own. Beside it, the request must say that it comes from our own
pages.
"""

import hashlib
import hmac
import re
import secrets
from urllib.parse import urlsplit

from fastapi import Request, Response

from api.answers.state import state_of
from core.settings import Settings
from services.errors import Forbidden

FIELD = "form_token"
_COOKIE = "lobby_form"
_VISITOR = re.compile(r"[A-Za-z0-9_-]{43}")


def of_session(token: str) -> str:
    """Returns what the forms of the session with this token hold: 64 hex digits."""
    return hmac.new(token.encode(), b"form", hashlib.sha256).hexdigest()


async def require(request: Request, expected: str) -> None:
    """Raises Forbidden for a form of another site, or one that an earlier session has shown.

    A form of this browser's visitor is accepted too: that of somebody who signed in with another
    tab, and sends what they had typed.
    """
    refuse_other_sites(request)
    given = str((await request.form()).get(FIELD, ""))
    if not _is_equal(given, expected) and not fits_visitor(request, given):
        raise outdated()


def outdated() -> Forbidden:
    """Returns the error for a form that this browser's session has not shown."""
    message = "This form is from before you signed in. Go back, reload the page and try again."
    return Forbidden("form_outdated", message)


def visitor_of(request: Request) -> str:
    """Returns the token in the visitor's cookie, or a new one for `keep_visitor`."""
    token = request.cookies.get(_cookie_name(state_of(request).lobby.settings), "")
    return token if _VISITOR.fullmatch(token) else secrets.token_urlsafe(32)


def keep_visitor(request: Request, response: Response, token: str) -> None:
    """Sets the visitor's cookie, which ends with the browser, where it is not set yet."""
    settings = state_of(request).lobby.settings
    name = _cookie_name(settings)
    if request.cookies.get(name) != token:
        is_https = settings.base_url.startswith("https:")
        response.set_cookie(name, token, path="/", secure=is_https, httponly=True, samesite="lax")


def fits_visitor(request: Request, given: str) -> bool:
    """Returns whether a form holds the hash of the visitor's cookie."""
    token = request.cookies.get(_cookie_name(state_of(request).lobby.settings), "")
    return _VISITOR.fullmatch(token) is not None and _is_equal(given, of_session(token))


def _cookie_name(settings: Settings) -> str:
    return f"__Host-{_COOKIE}" if settings.base_url.startswith("https:") else _COOKIE


def _is_equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


def refuse_other_sites(request: Request) -> None:
    """Raises Forbidden for a form on another site.

    `SameSite=lax` alone would let a sibling domain through. Browsers send `Sec-Fetch-Site` over
    https and on loopback, and an `Origin` with every POST. A client that sends neither is not a
    browser, so the request comes from no other site's form. The desk's pages set the referrer
    policy `same-origin`: under the policy of all other pages, their own forms would send the origin
    `null`.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        is_own = site in ("same-origin", "none")
    else:
        origin_host = (origin or "").partition("://")[2]  # empty for `null`
        own_hosts = (_own_host(request), request.headers.get("Host"))
        is_own = origin is None or (origin_host != "" and origin_host in own_hosts)
    if not is_own:
        message = "This form was sent from another site. Go back to your campaigns and try there."
        raise Forbidden("other_site", message)


def _own_host(request: Request) -> str:
    return urlsplit(state_of(request).lobby.settings.base_url).netloc
