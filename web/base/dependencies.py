"""FastAPI dependencies of pages: the organiser who is signed in, if anybody is."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from sqlmodel import Session

from api.http.dependencies import ReadSession, TheLobby
from core.settings import Settings
from models import Organiser
from services.accounts import sessions
from services.accounts.sessions import SignedIn
from services.assembly import Lobby

_COOKIE = "lobby_organiser"
COOKIES = (_COOKIE, f"__Host-{_COOKIE}")
"""The names that the cookie of a session can have."""
DEVICE_COOKIES = ("lobby_device", "__Host-lobby_device")
"""The names that the cookie of a known device can have."""


def cookie_name(settings: Settings) -> str:
    """Returns the name of the cookie. With `__Host-`, browsers take it from this host alone."""
    return COOKIES[settings.base_url.startswith("https:")]


def device_cookie_name(settings: Settings) -> str:
    """Returns the name of the cookie that says that this browser has signed in before."""
    return DEVICE_COOKIES[settings.base_url.startswith("https:")]


def signed_in(request: Request, lobby: Lobby, session: Session) -> SignedIn | None:
    """Returns the organiser whose cookie this is; None without a cookie or with an invalid one."""
    token = request.cookies.get(cookie_name(lobby.settings))
    return sessions.of_token(session, token, now=lobby.clock()) if token else None


def organiser_of(request: Request, lobby: Lobby, session: Session) -> Organiser | None:
    """Returns the organiser who is signed in."""
    found = signed_in(request, lobby, session)
    return found.organiser if found else None


def _optional_organiser(
    request: Request, lobby: TheLobby, session: ReadSession
) -> Organiser | None:
    return organiser_of(request, lobby, session)


def _viewer(organiser: "OptionalOrganiser") -> UUID | None:
    return organiser.organisation_id if organiser else None


OptionalOrganiser = Annotated[Organiser | None, Depends(_optional_organiser)]
# The organisation whose drafts this visitor may see.
Viewer = Annotated[UUID | None, Depends(_viewer)]
