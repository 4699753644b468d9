"""What pages ask for beside what the API asks for: who is signed in."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from sqlmodel import Session

from lobby.api.dependencies import ReadSession, TheLobby
from lobby.models import Organiser
from lobby.services.errors import LobbyError
from lobby.services.lobby import Lobby
from lobby.services.tokens import Purpose

COOKIE = "lobby_organiser"


def organiser_of(request: Request, lobby: Lobby, session: Session) -> Organiser | None:
    """Who is signed in; None with no cookie, or a bad or expired one."""
    cookie = request.cookies.get(COOKIE)
    if not cookie:
        return None
    try:
        return session.get(Organiser, lobby.tokens.read(Purpose.ORGANISER, cookie))
    except LobbyError:
        return None


def _organiser(request: Request, lobby: TheLobby, session: ReadSession) -> Organiser | None:
    return organiser_of(request, lobby, session)


def _viewer(organiser: "SignedIn") -> UUID | None:
    return organiser.organisation_id if organiser else None


SignedIn = Annotated[Organiser | None, Depends(_organiser)]
# Whose drafts may be shown.
Viewer = Annotated[UUID | None, Depends(_viewer)]
