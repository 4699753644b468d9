"""The builder's step 'Motion': finding one in Parliament's list, and saying what it asks for."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Form, Query, Response
from pydantic import BaseModel
from sqlmodel import Session

from api.http.dependencies import Now, Slug, TheLobby
from api.http.late_routes import Router
from models import Campaign, CampaignStatus
from services.assembly import Lobby
from services.campaigns import campaign_motions, campaign_texts, campaigns
from services.campaigns.campaign_motions import LinkedMotion, MotionRole
from services.errors import Conflict, FieldError, Invalid, LobbyError, NotFound, Unavailable
from services.parliament import motions
from services.parliament_sync import motion_fetch, motion_search
from services.parliament_sync.motion_search import FoundMotions
from web.base import forms
from web.base.desk import Desk, EditorDesk
from web.base.rendering import see_other
from web.organisers.builder import frame, versions
from web.organisers.builder.frame import Step
from web.organisers.builder.versions import ChangedByColleague

PATH = "/organiser/campaigns/{slug}/edit/motion"
TEMPLATE = "organisers/builder/motion.html"
# With the motion of the campaign, a page names eight MPs at most.
ON_A_PAGE = 7
LONGEST_MOTION_ID = 10
Text = Annotated[str, Query()]
router = Router()


class MotionFields(BaseModel):
    """The fields as sent. `do` is the button; `q`, `all` and `page` are the search beside it.

    `asked` is the `q` of the page that was shown.
    """

    do: str = ""
    motion_id: str = ""
    current: str = ""
    purpose: str = ""
    purpose_welsh: str = ""
    version: str = ""
    q: str = ""
    all: str = ""
    page: str = ""
    asked: str = ""


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of what a search found. `every_session` includes earlier sessions."""

    query: str
    every_session: bool
    number: int
    found: FoundMotions

    @property
    def shown(self) -> tuple[motion_search.FoundMotion, ...]:
        """The motions of this page."""
        start = (self.number - 1) * ON_A_PAGE
        return self.found.motions[start : start + ON_A_PAGE]

    @property
    def has_more(self) -> bool:
        """Returns whether there is a page after this one."""
        return len(self.found.motions) > self.number * ON_A_PAGE

    @property
    def is_limited(self) -> bool:
        """Returns whether Parliament may have more motions than we asked for."""
        return len(self.found.motions) >= motion_search.MOST

    def address(
        self, path: str, unsaved: dict[str, str], *, page: int = 1, every_session: bool
    ) -> str:
        """Returns the address of this search with other choices, which keeps what is not saved."""
        number = str(page) if page > 1 else ""
        query = {"q": self.query, "all": "yes" if every_session else "", "page": number}
        return f"{path}{_as_query(query | unsaved)}#found"


@router.get(PATH)
def show_motion(
    slug: Slug,
    desk: EditorDesk,
    lobby: TheLobby,
    now: Now,
    q: Text = "",
    every: Annotated[str, Query(alias="all")] = "",
    page: Text = "",
    purpose: Text = "",
    purpose_welsh: Text = "",
    version: Text = "",
    done: Text = "",
) -> Response:
    """Shows the campaign's motion, and what a search finds.

    With a `version` it shows a purpose that was typed before the search, and is not saved.
    """
    with lobby.database.read() as session:
        campaigns.own(session, slug, organisation_id=desk.organisation_id)
    typed = {"purpose": purpose, "purpose_welsh": purpose_welsh, "version": version}
    form = forms.Form({"q": q, **(typed if version else {})})
    search = _search(lobby, form, every=every, page=page, now=now)
    return _page(lobby, desk, slug, form, search, now=now, done=done)


@router.post(PATH)
def change_motion(
    slug: Slug,
    fields: Annotated[MotionFields, Form()],
    desk: EditorDesk,
    lobby: TheLobby,
    now: Now,
) -> Response:
    """Chooses a motion or takes it off, says that there is none, or saves what it asks for."""
    actions: dict[str, Callable[[], Response]] = {
        "choose": lambda: _choose(lobby, desk, slug, fields, now),
        "take_off": lambda: _take_off(lobby, desk, slug, now),
        "unlink": lambda: _unlink(lobby, desk, slug, fields, now),
        "none": lambda: _say_none(lobby, desk, slug, now),
        "search": lambda: _to_search(lobby, desk, slug, fields),
    }
    is_search = fields.do == "enter" and fields.q.strip() != fields.asked.strip()
    action = actions.get(
        "search" if is_search else fields.do, lambda: _save_purpose(lobby, desk, slug, fields, now)
    )
    with lobby.database.read() as session:
        campaigns.own(session, slug, organisation_id=desk.organisation_id)
    try:
        return action()
    except ChangedByColleague as error:
        return _again(lobby, desk, slug, fields, error, status=409, now=now)
    except (Conflict, Invalid, Unavailable) as error:
        status = {Conflict: 409, Unavailable: 503}.get(type(error), 422)
        return _again(lobby, desk, slug, fields, error, status=status, now=now)


def _choose(lobby: Lobby, desk: Desk, slug: str, fields: MotionFields, now: datetime) -> Response:
    motion_id = _motion_id(fields)
    try:
        motion_fetch.fetch_if_unknown(
            lobby.database, lobby.motions_api, motion_id, clock=lobby.clock
        )
    except NotFound as error:
        raise Invalid.field("q", error.code, "Parliament doesn’t know this motion.") from error
    with lobby.database.write() as session:
        campaign = campaigns.own_locked(session, slug, organisation_id=desk.organisation_id)
        motion_search.require_open(session, motion_id, now=now)
        _require_same_motion(session, campaign, fields, motion_id)
        before = campaigns.motion_of(session, campaign.id)
        if before is None or before.id != motion_id:
            # The public has never seen a draft's motion: it is no earlier one.
            if campaign.status is CampaignStatus.DRAFT:
                with suppress(Conflict):
                    campaign_motions.take_off_current(session, campaign, now=now)
            campaign_motions.link(session, campaign, motion_id, role=MotionRole.CURRENT, now=now)
        if campaign.runs_without_motion:
            campaigns.update(session, campaign, values={"runs_without_motion": False}, now=now)
        unsaved = _unsaved(campaign, forms.Form(fields.model_dump()))
    return _back(slug, "motion-chosen", unsaved)


def _to_search(lobby: Lobby, desk: Desk, slug: str, fields: MotionFields) -> Response:
    """Leads to what the search finds, with a purpose that is typed and not saved."""
    form = forms.Form(fields.model_dump())
    form.check("purpose", campaign_texts.purpose, missing="")
    form.check("purpose_welsh", campaign_texts.purpose_welsh, missing="")
    form.finish()
    with lobby.database.read() as session:
        campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
    query = {"q": fields.q.strip(), "all": fields.all} | _unsaved(campaign, form)
    return see_other(f"{frame.path_of(slug, Step.MOTION)}{_as_query(query)}#found")


def _unsaved(campaign: Campaign, form: forms.Form) -> dict[str, str]:
    """Returns the fields of a purpose that was typed and is not saved; none if it is."""
    saved = _purposes(campaign)
    is_saved = all(form.value(name).strip() == value for name, value in saved.items())
    if is_saved or not form.value(versions.FIELD):  # without one, no page has shown it
        return {}
    return {name: form.value(name) for name in (*saved, versions.FIELD)}


def _as_query(given: Mapping[str, str]) -> str:
    return "?" + urlencode({name: value for name, value in given.items() if value})


def _motion_id(fields: MotionFields) -> int:
    typed = fields.motion_id
    is_number = typed.isascii() and typed.isdecimal() and len(typed) <= LONGEST_MOTION_ID
    if not is_number or not 0 < int(typed) < 2**31:
        raise Invalid.field("q", "motion_unknown", "Choose a motion from the list.")
    return int(typed)


def _require_same_motion(
    session: Session, campaign: Campaign, fields: MotionFields, new: int
) -> None:
    """Raises Conflict if a colleague has chosen another motion since the page was shown."""
    current = campaigns.motion_of(session, campaign.id)
    if current and current.id != new and fields.current != str(current.id):
        message = (
            f"A colleague chose EDM {current.number} while you were looking. Choose again if you "
            "want the other one."
        )
        raise Conflict("changed_by_colleague", message)


def _take_off(lobby: Lobby, desk: Desk, slug: str, now: datetime) -> Response:
    with lobby.database.write() as session:
        campaign = campaigns.own_locked(session, slug, organisation_id=desk.organisation_id)
        campaign_motions.take_off_current(session, campaign, now=now)
    return _back(slug, "motion-removed")


def _unlink(lobby: Lobby, desk: Desk, slug: str, fields: MotionFields, now: datetime) -> Response:
    motion_id = _motion_id(fields)
    with lobby.database.write() as session:
        campaign = campaigns.own_locked(session, slug, organisation_id=desk.organisation_id)
        with suppress(NotFound):  # a colleague was faster
            campaign_motions.unlink(session, campaign, motion_id, now=now)
    return _back(slug, "motion-removed")


def _say_none(lobby: Lobby, desk: Desk, slug: str, now: datetime) -> Response:
    with lobby.database.write() as session:
        campaign = campaigns.own_locked(session, slug, organisation_id=desk.organisation_id)
        campaign_motions.take_off_current(session, campaign, now=now)
        campaigns.update(session, campaign, values={"runs_without_motion": True}, now=now)
    return _back(slug, "no-motion")


def _save_purpose(
    lobby: Lobby, desk: Desk, slug: str, fields: MotionFields, now: datetime
) -> Response:
    form = forms.Form(fields.model_dump())
    missing = "Say what the motion asks for, in half a sentence."
    values = {
        "purpose": form.check("purpose", _required_purpose, missing=missing),
        "purpose_welsh": form.check("purpose_welsh", campaign_texts.purpose_welsh, missing=missing),
    }
    form.finish()
    with lobby.database.write() as session:
        campaign = campaigns.own_locked(session, slug, organisation_id=desk.organisation_id)
        versions.require(fields.version, _purposes(campaign), values)
        campaigns.update(session, campaign, values=values, now=now)
    return frame.to_next(slug, Step.MOTION)


def _required_purpose(text: str) -> str:
    purpose = campaign_texts.purpose(text)
    if not purpose:
        message = "Say what the motion asks for, in half a sentence."
        raise Invalid.field("purpose", "too_short", message)
    return purpose


def _purposes(campaign: Campaign) -> dict[str, str]:
    return {"purpose": campaign.purpose, "purpose_welsh": campaign.purpose_welsh}


def _back(slug: str, done: str, unsaved: dict[str, str] | None = None) -> Response:
    query = {"done": done, **(unsaved or {})}
    return see_other(frame.path_of(slug, Step.MOTION) + _as_query(query))


def _again(
    lobby: Lobby,
    desk: Desk,
    slug: str,
    fields: MotionFields,
    error: LobbyError,
    *,
    status: int,
    now: datetime,
) -> Response:
    """Shows the page again with everything that was typed, and the search as it was."""
    form = forms.Form(fields.model_dump())
    search = _search(lobby, form, every=fields.all, page=fields.page, now=now)
    if isinstance(error, ChangedByColleague):
        versions.note(form, error, fields.model_dump())
    elif isinstance(error, Unavailable):
        message = f"{error.message} Nothing has changed. Try again later."
        form.problems = (FieldError("", error.code, message),)
    else:
        form.note(error)
    return _page(lobby, desk, slug, form, search, now=now, status=status)


def _search(
    lobby: Lobby, form: forms.Form, *, every: str, page: str, now: datetime
) -> SearchPage | None:
    """Returns what the search in the form finds; None if there is none, or a wrong one."""
    if not form.value("q").strip():
        return None
    try:
        query = motion_search.read_query(form.value("q"))
    except Invalid as error:
        form.note(error)
        return None
    every_session = every == "yes"
    found = motion_search.find(
        lobby.database,
        lobby.motion_lists,
        query,
        this_session_only=not every_session,
        now=now,
    )
    pages = max(1, -(-len(found.motions) // ON_A_PAGE))
    number = int(page) if page.isascii() and page.isdecimal() and len(page) < 4 else 1
    return SearchPage(form.value("q").strip(), every_session, min(max(1, number), pages), found)


def _page(
    lobby: Lobby,
    desk: Desk,
    slug: str,
    form: forms.Form,
    search: SearchPage | None,
    *,
    now: datetime,
    status: int | None = None,
    done: str = "",
) -> Response:
    with lobby.database.read() as session:
        campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
        if not form.value(versions.FIELD):
            form.put(**_purposes(campaign), version=versions.of(_purposes(campaign)))
        linked = campaign_motions.of_campaign(session, campaign.id, today=now.date())
        current = next((each for each in linked if each.role is MotionRole.CURRENT), None)
        return frame.show(
            desk,
            session,
            campaign,
            Step.MOTION,
            TEMPLATE,
            now=now,
            status=status or (422 if form.problems else 200),
            done=done,
            form=form,
            search=search,
            unsaved=_unsaved(campaign, form),
            current=current,
            current_state=_state(session, current, now),
            tabled_by=_tabled_by(session, current),
            others=[each for each in linked if each is not current],
        )


def _state(session: Session, current: LinkedMotion | None, now: datetime) -> str | None:
    """Returns why MPs cannot sign the campaign's motion; None if they can."""
    if current is None:
        return None
    try:
        motion_search.require_open(session, current.motion.id, now=now)
    except Invalid as error:
        return error.fields[0].message
    return None


def _tabled_by(session: Session, current: LinkedMotion | None) -> str | None:
    if current is None:
        return None
    return motions.primary_sponsors(session, [current.motion.id]).get(current.motion.id)
