"""The builder's last step: what is missing, and opening, pausing, closing and ending a campaign."""

from enum import StrEnum
from typing import Annotated

from fastapi import Form, Response
from pydantic import BaseModel, BeforeValidator
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from api.http.late_routes import Router
from models import Campaign, CampaignStatus, Petition, PetitionState, Role
from services.assembly import Lobby
from services.building import stages
from services.building.stages import NotReady
from services.campaigns import campaigns, petitions
from services.common import texts
from services.errors import Conflict, Forbidden, Invalid, NotFound
from services.letters import letter_queue
from web.base import desk as desks
from web.base import forms
from web.base.desk import Desk, EditorDesk, OwnerDesk
from web.base.rendering import see_other
from web.organisers.builder import frame, step_forms, versions
from web.organisers.builder.frame import Done, Step

PATH = "/organiser/campaigns/{slug}/edit/open"
OUTCOME = PATH + "/outcome"
ENDINGS = {
    "won": "We won",
    "lost": "We didn’t win",
    "closed": "It’s over, without a result",
}
router = Router()


class Stage(StrEnum):
    """What can be done to a campaign with a button. Editors may pause and resume its letters."""

    NOW = "now"
    PAUSE = "pause"
    RESUME = "resume"
    CLOSE = "close"
    REOPEN = "reopen"


def _known(text: str) -> Stage:
    try:
        return Stage(text)
    except ValueError as error:
        raise NotFound("page_unknown", "There is no such page.") from error


TheStage = Annotated[Stage, BeforeValidator(_known)]
DONE = {
    Stage.NOW: "opened",
    Stage.PAUSE: "paused",
    Stage.RESUME: "resumed",
    Stage.CLOSE: "closed",
    Stage.REOPEN: "opened",
}
OF_EDITORS = (Stage.PAUSE,)


class OutcomeFields(BaseModel):
    """The fields as sent."""

    version: str = ""
    status: str = ""
    outcome_on: str = ""
    outcome: str = ""


@router.get(PATH)
def show(slug: Slug, desk: EditorDesk, session: ReadSession, now: Now, done: Done = "") -> Response:
    """Shows what must be done, what is advised and what is done, and the next stages."""
    campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
    return frame.show(
        desk,
        session,
        campaign,
        Step.OPEN,
        "organisers/builder/open.html",
        now=now,
        done=done,
        opening=_opening(session, campaign),
        endings=ENDINGS,
    )


@router.get(OUTCOME)
def ask_outcome(slug: Slug, desk: OwnerDesk, session: ReadSession) -> Response:
    """Shows the form for how a campaign ended."""
    campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
    _require_begun(campaign)
    values = _outcome_of(campaign)
    form = forms.Form({**values, "version": versions.of(values)})
    return _outcome_page(desk, campaign, form)


@router.post(OUTCOME)
def save_outcome(
    slug: Slug,
    fields: Annotated[OutcomeFields, Form()],
    desk: OwnerDesk,
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
) -> Response:
    """Ends a campaign, or changes how it ended."""
    form, typed = forms.Form(fields.model_dump()), fields.model_dump()
    try:
        with lobby.database.write() as writing:
            campaign = campaigns.own_locked(writing, slug, organisation_id=desk.organisation_id)
            versions.require(fields.version, _outcome_of(campaign), typed)
            stages.end(
                writing,
                campaign,
                status=_ending(fields.status),
                outcome=fields.outcome,
                outcome_on=texts.day(fields.outcome_on.strip(), "outcome_on")
                if fields.outcome_on.strip()
                else None,
                pace=lobby.pace,
                now=now,
            )
    except (Invalid, Conflict) as error:
        status = step_forms.note(form, error, typed)
        campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
        return _outcome_page(desk, campaign, form, status=status)
    return see_other(f"{frame.path_of(slug, Step.OPEN)}?done=saved")


@router.get(PATH + "/{stage}")
def ask(slug: Slug, stage: TheStage, desk: EditorDesk, session: ReadSession, now: Now) -> Response:
    """Asks once more. What is missing leads back to the step."""
    _require_role(desk, stage)
    campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
    if stage in (Stage.NOW, Stage.REOPEN) and stages.missing(session, campaign, now=now):
        return see_other(frame.path_of(slug, Step.OPEN))
    return desk.page(
        "organisers/builder/stage.html",
        campaign=campaign,
        stage=stage,
        opening=_opening(session, campaign),
        back=frame.path_of(slug, Step.OPEN),
    )


@router.post(PATH + "/{stage}")
def act(
    slug: Slug,
    stage: TheStage,
    desk: EditorDesk,
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
) -> Response:
    """Does it. Doing it twice changes nothing more. Opening is refused if something is missing."""
    _require_role(desk, stage)
    try:
        with lobby.database.write() as writing:
            campaign = campaigns.own_locked(writing, slug, organisation_id=desk.organisation_id)
            _change(writing, lobby, campaign, stage)
    except NotReady as error:
        campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
        return frame.show(
            desk,
            session,
            campaign,
            Step.OPEN,
            "organisers/builder/open.html",
            now=now,
            status=step_forms.CONFLICT,
            opening=_opening(session, campaign),
            endings=ENDINGS,
            refused=error.message,
        )
    return see_other(f"{frame.path_of(slug, Step.OPEN)}?done={DONE[stage]}")


def _change(session: Session, lobby: Lobby, campaign: Campaign, stage: Stage) -> None:
    now, pace = lobby.clock(), lobby.pace
    match stage:
        case Stage.NOW | Stage.REOPEN:
            stages.open_(session, campaign, pace=pace, now=now)
        case Stage.CLOSE:
            stages.close(session, campaign, pace=pace, now=now)
        case Stage.PAUSE:
            letter_queue.pause(session, campaign, now=now)
        case Stage.RESUME:
            letter_queue.resume(session, campaign, pace=pace, now=now)


def _require_role(desk: Desk, stage: Stage) -> None:
    if stage not in OF_EDITORS and not desk.is_owner:
        raise Forbidden("role_missing", desks.WHO_MAY[Role.OWNER])


def _require_begun(campaign: Campaign) -> None:
    if campaign.status is CampaignStatus.DRAFT:
        raise Conflict("campaign_draft", "This campaign isn’t open yet, so it can’t end.")


def _opening(session: Session, campaign: Campaign) -> list[Petition]:
    """Returns the drafts of petitions that open with a campaign."""
    if campaign.status is not CampaignStatus.DRAFT:
        return []
    rows = petitions.of_campaigns(session, [campaign.id], with_drafts=True)[campaign.id]
    return [row for row in rows if row.state is PetitionState.DRAFT and row.addressed_to]


def _ending(text: str) -> CampaignStatus:
    if text not in ENDINGS:
        raise Invalid.field("status", "choice_missing", "Choose how it ended.")
    return CampaignStatus(text)


def _outcome_of(campaign: Campaign) -> dict[str, str]:
    has_ended = campaign.status in stages.ENDS
    return {
        "status": campaign.status.value if has_ended else "",
        "outcome_on": campaign.outcome_on.isoformat() if campaign.outcome_on else "",
        "outcome": campaign.outcome,
    }


def _outcome_page(
    desk: Desk, campaign: Campaign, form: forms.Form, *, status: int = 200
) -> Response:
    return desk.page(
        "organisers/builder/outcome.html",
        status=status,
        campaign=campaign,
        form=form,
        endings=ENDINGS,
        has_ended=campaign.status in stages.ENDS,
        back=frame.path_of(campaign.slug, Step.OPEN),
    )
