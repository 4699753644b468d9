"""FastAPI dependencies of pages: the organiser who is signed in."""

from typing import Annotated
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Depends, Request
from sqlmodel import Session
from starlette.exceptions import HTTPException

from api.http.dependencies import ReadSession, TheLobby
from models import Organiser
from services.assembly import Lobby
from services.errors import Forbidden, LobbyError
from services.organisations import organisers

COOKIE = "lobby_organiser"


def organiser_of(request: Request, lobby: Lobby, session: Session) -> Organiser | None:
    """Returns the organiser whose cookie this is; None without a cookie or with an invalid one."""
    cookie = request.cookies.get(COOKIE)
    if not cookie:
        return None
    try:
        return organisers.of_cookie(session, lobby.tokens, cookie)
    except LobbyError:
        return None


def _optional_organiser(
    request: Request, lobby: TheLobby, session: ReadSession
) -> Organiser | None:
    return organiser_of(request, lobby, session)


def _required_organiser(request: Request, lobby: TheLobby) -> Organiser:
    # The session is closed before the route opens its own: a request holds one connection at a
    # time.
    if request.method not in ("GET", "HEAD"):
        _refuse_other_sites(request, lobby.settings.base_url)
    with lobby.database.read() as session:
        organiser = organiser_of(request, lobby, session)
    if organiser is None:
        raise HTTPException(303, headers={"Location": "/sign-in"})
    return organiser


def _refuse_other_sites(request: Request, base_url: str) -> None:
    """Raises Forbidden for a form on another site (cross-site request forgery).

    `SameSite=lax` alone would let a sibling domain through. Browsers send `Sec-Fetch-Site` over
    https and on loopback, and an `Origin` with every POST. A client that sends neither is not a
    browser, so the request comes from no other site's form. These pages set the referrer policy
    `same-origin`: under the policy of all other pages, their own forms would send the origin
    `null`.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        is_own = site in ("same-origin", "none")
    else:
        origin_host = (origin or "").partition("://")[2]  # empty for `null`
        own_hosts = (urlsplit(base_url).netloc, request.headers.get("Host"))
        is_own = origin is None or (origin_host != "" and origin_host in own_hosts)
    if not is_own:
        message = "This form was sent from another site. Go back to your campaigns and try there."
        raise Forbidden("other_site", message)


def _viewer(organiser: "OptionalOrganiser") -> UUID | None:
    return organiser.organisation_id if organiser else None


OptionalOrganiser = Annotated[Organiser | None, Depends(_optional_organiser)]
# For pages of organisers: everybody else is redirected to the sign-in page.
RequiredOrganiser = Annotated[Organiser, Depends(_required_organiser)]
# The same for routes that do not use the organiser.
ORGANISERS_ONLY = Depends(_required_organiser)
# The organisation whose drafts this visitor may see.
Viewer = Annotated[UUID | None, Depends(_viewer)]
