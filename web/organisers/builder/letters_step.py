"""The builder's step 'Letters': the list in its order, the points to choose from, the settings."""

from datetime import datetime
from typing import Annotated

from fastapi import Form, Query, Response
from pydantic import BaseModel
from sqlmodel import Session

from api.http.dependencies import Now, Slug, TheLobby
from api.http.late_routes import Router
from models import Campaign, CampaignStatus
from services.assembly import Lobby
from services.campaigns import campaigns
from services.errors import Conflict, FieldError, Invalid
from services.letters.drafting import facts
from services.letters.kinds import variants
from services.letters.kinds.conditions import Variant
from services.letters.kinds.variant_texts import MOST_POINTS
from web.base import forms
from web.base.desk import Desk, EditorDesk
from web.base.rendering import see_other
from web.organisers.builder import (
    frame,
    letter_list,
    letter_points,
    letter_settings,
    versions,
)
from web.organisers.builder.frame import Step
from web.organisers.builder.letter_fields import at_its_fields
from web.organisers.builder.versions import ChangedByColleague

PATH = "/organiser/campaigns/{slug}/edit/letters"
TEMPLATE = "organisers/builder/letters.html"
_INCOMPLETE = (
    "While the campaign is open, every MP must get a letter. Keep a letter of thanks for all who "
    "have signed, and as the last one “Ask for help in another way” for everybody."
)
_INCOMPLETE_WITHOUT_MOTION = (
    "While the campaign is open, every MP must get a letter. Keep as the last one “Ask them to "
    "write to the minister” for everybody."
)
router = Router()
Text = Annotated[str, Query()]


class ListFields(BaseModel):
    """The fields as sent. `part` says which form of the page it is."""

    part: str = ""
    version: str = ""
    points: list[str] = []
    points_welsh: list[str] = []
    likeness_limit: str = ""
    likeness_is_required: str = ""
    own_words_are_required: str = ""
    letters_per_hour: str = ""
    letters_per_member_day: str = ""


class MoveFields(BaseModel):
    """Which way to move a letter: `up` or `down`."""

    way: str = ""


@router.get(PATH)
def show_letters(
    slug: Slug, desk: EditorDesk, lobby: TheLobby, now: Now, done: Text = ""
) -> Response:
    """Shows the list of letters, the points and the settings."""
    with lobby.database.read() as session:
        campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
        return _page(session, desk, campaign, now=now, done=done)


@router.post(PATH)
def change_letters(
    slug: Slug,
    fields: Annotated[ListFields, Form()],
    desk: EditorDesk,
    lobby: TheLobby,
    now: Now,
) -> Response:
    """Copies the built-in letters, or saves the points or the settings."""
    try:
        with lobby.database.write() as session:
            campaign = campaigns.own_locked(session, slug, organisation_id=desk.organisation_id)
            if fields.part == "copy":
                _copy_built_in(session, campaign, now)
            elif fields.part == "settings":
                letter_settings.save(
                    session, campaign, fields.model_dump(), pace=lobby.pace, now=now
                )
            else:
                letter_points.save(
                    session,
                    campaign,
                    fields.points,
                    fields.points_welsh,
                    version=fields.version,
                    now=now,
                )
    except (Conflict, Invalid) as error:
        with lobby.database.read() as session:
            campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
            return _again(session, desk, campaign, fields, error, now=now)
    done = "letters-copied" if fields.part == "copy" else "saved"
    return see_other(f"{frame.path_of(slug, Step.LETTERS)}?done={done}")


@router.post(PATH + "/{variant}/move")
def move_letter(
    slug: Slug,
    variant: str,
    fields: Annotated[MoveFields, Form()],
    desk: EditorDesk,
    lobby: TheLobby,
    now: Now,
) -> Response:
    """Moves a letter one place up or down. Moving it beyond an end changes nothing."""
    try:
        with lobby.database.write() as session:
            campaign = campaigns.own_locked(session, slug, organisation_id=desk.organisation_id)
            before = variants.in_use(session, campaign).in_order
            after = _moved(before, variant, -1 if fields.way == "up" else 1)
            if after != before:
                save(session, campaign, after, now=now)
    except (Conflict, Invalid) as error:
        return refused(lobby, desk, slug, error, now=now)
    return see_other(f"{frame.path_of(slug, Step.LETTERS)}?done=letters-moved#letter-{variant}")


def save(
    session: Session, campaign: Campaign, letters: tuple[Variant, ...], *, now: datetime
) -> None:
    """Saves a campaign's own letters: those that it uses today, with a motion or without one.

    Only a draft may leave some MPs out.
    """
    variants.save_set(
        session,
        campaign,
        letters,
        has_motion=variants.uses_motion(session, campaign),
        now=now,
        is_unfinished=campaign.status is CampaignStatus.DRAFT,
    )
    campaigns.update(session, campaign, values={}, now=now)


def in_words(error: Conflict | Invalid, *, has_motion: bool) -> Conflict | Invalid:
    """Returns an error of the whole list in the words of the desk."""
    if error.code == "letters_incomplete":
        return Conflict(error.code, _INCOMPLETE if has_motion else _INCOMPLETE_WITHOUT_MOTION)
    return at_its_fields(error, has_motion=has_motion) if isinstance(error, Invalid) else error


def refused(
    lobby: Lobby, desk: Desk, slug: str, error: Conflict | Invalid, *, now: datetime
) -> Response:
    """Shows the list as it is, with the reason why it was not changed."""
    form = forms.Form()
    with lobby.database.read() as session:
        campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
        form.note(in_words(error, has_motion=variants.uses_motion(session, campaign)))
        return _page(session, desk, campaign, now=now, form=form, status=409)


def _moved(letters: tuple[Variant, ...], name: str, by: int) -> tuple[Variant, ...]:
    places = [place for place, letter in enumerate(letters) if letter.name == name]
    if not places or not 0 <= places[0] + by < len(letters):
        return letters
    changed = list(letters)
    changed.insert(places[0] + by, changed.pop(places[0]))
    return tuple(changed)


def _copy_built_in(session: Session, campaign: Campaign, now: datetime) -> None:
    found = variants.in_use(session, campaign)
    if found.is_built_in:
        save(session, campaign, found.in_order, now=now)


def _again(
    session: Session,
    desk: Desk,
    campaign: Campaign,
    fields: ListFields,
    error: Conflict | Invalid,
    *,
    now: datetime,
) -> Response:
    """Shows the page again, with what was typed in the form that was sent."""
    form = forms.Form(fields.model_dump())
    status = 422 if isinstance(error, Invalid) else 409
    if isinstance(error, ChangedByColleague) and fields.part == "settings":
        versions.note(form, error, fields.model_dump())
    elif isinstance(error, ChangedByColleague):
        form.put(version=versions.of(error.theirs))
        form.theirs = {"points": str(error.theirs["points"])}
        form.problems = (FieldError("points-1", error.code, error.message),)
    else:
        form.note(in_words(error, has_motion=variants.uses_motion(session, campaign)))
    if fields.part == "settings":
        return _page(session, desk, campaign, now=now, settings=form, status=status)
    if fields.part == "points":
        return _page(session, desk, campaign, now=now, points=form, status=status)
    return _page(session, desk, campaign, now=now, form=form, status=status)


def _page(
    session: Session,
    desk: Desk,
    campaign: Campaign,
    *,
    now: datetime,
    form: forms.Form | None = None,
    points: forms.Form | None = None,
    settings: forms.Form | None = None,
    status: int = 200,
    done: str = "",
) -> Response:
    listed = letter_list.of_campaign(session, campaign, now=now)
    petition = facts.petition_of(session, campaign)
    given = points or letter_points.form_of(campaign)
    return frame.show(
        desk,
        session,
        campaign,
        Step.LETTERS,
        TEMPLATE,
        now=now,
        status=status,
        done=done,
        # The summary at the top lists the problems of the form that was sent.
        form=form or points or settings or forms.Form(),
        listed=listed,
        addressed_to=petition.addressed_to if petition else "",
        points=given,
        rows=letter_points.rows(given),
        settings=settings or letter_settings.form_of(campaign),
        has_settings=bool(settings) or letter_settings.are_set(campaign),
        most_points=MOST_POINTS,
    )
