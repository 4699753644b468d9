"""What pages ask for beside what the API asks for: who is signed in."""

from typing import Annotated
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Depends, Request
from sqlmodel import Session
from starlette.exceptions import HTTPException

from api.http.dependencies import ReadSession, TheLobby
from models import Organiser
from services.assembly import Lobby
from services.common.tokens import Purpose
from services.errors import Forbidden, LobbyError
from services.organisations import organisations

COOKIE = "lobby_organiser"


def organiser_of(request: Request, lobby: Lobby, session: Session) -> Organiser | None:
    """Who is signed in; None with no cookie, or a bad or expired one."""
    cookie = request.cookies.get(COOKIE)
    if not cookie:
        return None
    try:
        return organisations.find_organiser(session, lobby.tokens.read(Purpose.ORGANISER, cookie))
    except LobbyError:
        return None


def _organiser(request: Request, lobby: TheLobby, session: ReadSession) -> Organiser | None:
    return organiser_of(request, lobby, session)


def _at_desk(request: Request, lobby: TheLobby) -> Organiser:
    """The session is closed again before the route opens its own: one connection at a time."""
    if request.method not in ("GET", "HEAD"):
        _refuse_other_sites(request, lobby.settings.base_url)
    with lobby.database.read() as session:
        organiser = organiser_of(request, lobby, session)
    if organiser is None:
        raise HTTPException(303, headers={"Location": "/sign-in"})
    return organiser


def _refuse_other_sites(request: Request, base_url: str) -> None:
    """Forbidden for a form that stands on another site, with an organiser's cookie sent along.

    `SameSite=lax` alone would let a sibling domain through. Browsers tell `Sec-Fetch-Site` over
    https and on loopback, and an `Origin` with every POST; who tells neither is no browser, and
    nobody's form. These pages ask for the referrer policy `same-origin`, since under the one of all
    others their own forms would come with the origin `null`.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        is_own = site in ("same-origin", "none")
    else:
        place = (origin or "").partition("://")[2]  # nothing of `null`
        own = (urlsplit(base_url).netloc, request.headers.get("Host"))
        is_own = origin is None or (place != "" and place in own)
    if not is_own:
        message = "This form was sent from another site. Go back to your campaigns and try there."
        raise Forbidden("other_site", message)


def _viewer(organiser: "SignedIn") -> UUID | None:
    return organiser.organisation_id if organiser else None


SignedIn = Annotated[Organiser | None, Depends(_organiser)]
# For pages that only organisers see: without one, they lead to where to sign in.
AtDesk = Annotated[Organiser, Depends(_at_desk)]
# For those of them that are the same for everybody there.
OnlyAtDesk = Depends(_at_desk)
# Whose drafts may be shown.
Viewer = Annotated[UUID | None, Depends(_viewer)]
