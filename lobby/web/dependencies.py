"""What pages ask for beside what the API asks for: slugs, and who is signed in."""

import re
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from pydantic import AfterValidator
from sqlmodel import Session

from lobby.api.dependencies import ReadSession, TheLobby
from lobby.models import Organiser
from lobby.services.errors import LobbyError, NotFound
from lobby.services.lobby import Lobby
from lobby.services.tokens import Purpose

COOKIE = "lobby_organiser"
_SLUG = re.compile(r"[a-z0-9-]{1,80}")


def _known_form(slug: str) -> str:
    """A slug of another form is no wrong input to a reader, but a page that is not there."""
    if not _SLUG.fullmatch(slug):
        raise NotFound("page_unknown", "There is no such page.")
    return slug


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


Slug = Annotated[str, AfterValidator(_known_form)]
SignedIn = Annotated[Organiser | None, Depends(_organiser)]
# Whose drafts may be shown.
Viewer = Annotated[UUID | None, Depends(_viewer)]
