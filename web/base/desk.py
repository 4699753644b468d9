"""The desk: who is signed in, what the frame of each page shows, and the role that a page needs.

Owners and editors need a second step. While it is missing and due, every page leads to the page
that sets it up. A form loses nothing when its session has ended: see `kept`.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse
from sqlmodel import Session
from starlette.exceptions import HTTPException

from api.answers.state import state_of
from models import Campaign, Organisation, Organiser, Role
from services.accounts import sessions
from services.accounts.sessions import SignedIn
from services.assembly import Lobby
from services.common import texts
from services.errors import Forbidden, Invalid
from services.organisations.faces import Face
from services.views.desk import frames
from services.views.desk.frames import Frame
from web.base import form_tokens, kept, rendering
from web.base.dependencies import cookie_name

_RANKS = (Role.VIEWER, Role.EDITOR, Role.OWNER)
_READING = ("GET", "HEAD")
_CAMPAIGN_PAGES = "/organiser/campaigns/"
ROLE_MISSING = "role_missing"
SET_UP = "/organiser/account/second-step"
WHO_MAY = {
    Role.EDITOR: "Only editors and owners can do this. Ask one of them.",
    Role.OWNER: "Only owners can do this. Ask one of your organisation’s owners.",
}


@dataclass(frozen=True, slots=True)
class Desk:
    """An organiser at work. `campaign` is that of the page, or else the one looked at last.

    A page below `/organiser/campaigns/{slug}` notes its campaign as the one looked at: its route
    has nothing to do for that. `second_step_due_at` is when an organiser who has no second step
    must have one. `offices_to_ring` is the number in the menu beside whom to ask next.
    """

    organiser: Organiser
    organisation: Organisation
    face: Face
    session_id: UUID
    form_token: str
    has_demonstration: bool
    campaign: Campaign | None = None
    second_step_due_at: datetime | None = None
    offices_to_ring: int = 0

    @property
    def organisation_id(self) -> UUID:
        """Returns the id of the organisation whose rows this organiser may see."""
        return self.organiser.organisation_id

    @property
    def may_edit(self) -> bool:
        """Returns whether the organiser may write."""
        return has_role(self.organiser, Role.EDITOR)

    @property
    def is_owner(self) -> bool:
        """Returns whether the organiser decides on people, keys, partners and webhooks."""
        return has_role(self.organiser, Role.OWNER)

    def page(self, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """Renders a page of the desk, which no cache keeps."""
        return rendering.page(
            template,
            None,
            status=status,
            is_private=True,
            face=self.face,
            is_demonstration=self.has_demonstration,
            desk=self,
            **values,
        )


def of_request(request: Request, lobby: Lobby, session: Session) -> Desk | None:
    """Returns the desk of whoever is signed in, for a page about an error.

    None for nobody, and for somebody who must set up their second step first.
    """
    desk = _desk(request, lobby, _frame(request, lobby, session))
    return None if desk and _needs_second_step(desk, lobby) else desk


def has_role(organiser: Organiser, least: Role) -> bool:
    """Returns whether an organiser has this role or a higher one."""
    return _RANKS.index(organiser.role) >= _RANKS.index(least)


def _for(least: Role, *, needs_second_step: bool = True) -> Callable[[Request], Awaitable[Desk]]:
    async def desk_of(request: Request) -> Desk:
        lobby = state_of(request).lobby
        desk = await run_in_threadpool(_load, request, lobby)
        if desk is None:
            raise await _interrupted(request, kept.Reason.SIGNED_OUT, "/sign-in")
        if request.method not in _READING:
            await _require_own_form(request, desk)
        if needs_second_step and _needs_second_step(desk, lobby):
            raise await _interrupted(request, kept.Reason.SECOND_STEP, SET_UP, desk.form_token)
        if not has_role(desk.organiser, least):
            raise Forbidden(ROLE_MISSING, WHO_MAY[least])
        return desk

    return desk_of


def _needs_second_step(desk: Desk, lobby: Lobby) -> bool:
    due_at = desk.second_step_due_at
    return due_at is not None and due_at <= lobby.clock()


async def _require_own_form(request: Request, desk: Desk) -> None:
    try:
        await form_tokens.require(request, desk.form_token)
    except Forbidden as error:
        fields = await request.form() if error.code == "form_outdated" else {}
        if form_tokens.FIELD not in fields:  # no form of ours
            raise
        raise await kept.interrupted(request, kept.Reason.OUTDATED, desk.form_token) from error


async def _interrupted(
    request: Request, reason: kept.Reason, way: str, form_token: str = ""
) -> Exception:
    """Returns what leads a reader to `way`, and shows a writer what they typed."""
    if request.method not in _READING:
        form_tokens.refuse_other_sites(request)
        found = await kept.interrupted(request, reason, form_token)
        if found.form.fields:
            return found
    return HTTPException(303, headers={"Location": _with_way_back(request, way)})


def _load(request: Request, lobby: Lobby) -> Desk | None:
    # The session is closed before the route opens its own: a request holds one connection at a
    # time.
    with lobby.database.read() as session:
        frame = _frame(request, lobby, session)
    desk = _desk(request, lobby, frame)
    if frame and desk:
        is_reading = request.method in _READING
        _note_visit(lobby, frame.signed_in, desk.campaign if is_reading else None)
    return desk


def _frame(request: Request, lobby: Lobby, session: Session) -> Frame | None:
    token = request.cookies.get(cookie_name(lobby.settings))
    slug = _slug_in(request)
    return frames.of_token(session, token, slug=slug, now=lobby.clock()) if token else None


def _desk(request: Request, lobby: Lobby, frame: Frame | None) -> Desk | None:
    if frame is None:
        return None
    found, organisation = frame.signed_in, frame.organisation
    return Desk(
        organiser=found.organiser,
        organisation=organisation,
        face=frame.face,
        session_id=found.session.id,
        form_token=form_tokens.of_session(request.cookies[cookie_name(lobby.settings)]),
        has_demonstration=frame.has_demonstration,
        campaign=frame.campaign,
        offices_to_ring=frame.offices_to_ring,
        second_step_due_at=_second_step_due_at(lobby, organisation, found),
    )


def _second_step_due_at(
    lobby: Lobby, organisation: Organisation, found: SignedIn
) -> datetime | None:
    """Returns None for those who have a second step or need none.

    The demonstration needs none on its own computer, where everybody knows its password.
    """
    is_exempt = organisation.is_demonstration and lobby.settings.is_on_loopback
    if found.has_second_step or is_exempt or not has_role(found.organiser, Role.EDITOR):
        return None
    return found.organiser.second_step_due_at or found.organiser.created_at


def _slug_in(request: Request) -> str | None:
    """Returns the well-formed slug of a campaign in an address below those of campaigns."""
    slug = request.path_params.get("slug")
    if slug and request.url.path.startswith(_CAMPAIGN_PAGES):
        with suppress(Invalid):  # the route says so
            return texts.slug(slug)
    return None


def _note_visit(lobby: Lobby, found: SignedIn, campaign: Campaign | None) -> None:
    """Keeps the session alive, and notes the campaign: one write a minute, or for another one."""
    now, row = lobby.clock(), found.session
    is_other = campaign is not None and campaign.id != row.campaign_id
    if not is_other and now - row.seen_at < sessions.SEEN_EVERY:
        return
    with lobby.database.write(is_public=False) as session:
        sessions.see(session, row.id, now=now)
        if campaign is not None and is_other:
            sessions.look_at(session, row.id, campaign.id)


def _with_way_back(request: Request, way: str) -> str:
    """Returns the address of a form, with the page to come back to."""
    path = request.url.path
    if request.method not in _READING or path == "/organiser":
        return way
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{way}?next={quote(path + query, safe='/')}"


# For pages of the desk: everybody else is led to the form for signing in.
ViewerDesk = Annotated[Desk, Depends(_for(Role.VIEWER))]
EditorDesk = Annotated[Desk, Depends(_for(Role.EDITOR))]
OwnerDesk = Annotated[Desk, Depends(_for(Role.OWNER))]
# For the page that sets up a second step.
SetUpDesk = Annotated[Desk, Depends(_for(Role.VIEWER, needs_second_step=False))]
