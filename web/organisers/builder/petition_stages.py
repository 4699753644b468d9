"""Removing, opening and closing a petition. Each asks once more on a page of its own."""

from enum import StrEnum
from typing import Annotated

from fastapi import Response
from pydantic import BeforeValidator

from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from api.http.late_routes import Router
from models import Campaign, CampaignStatus, Petition, PetitionState, Role
from services.building import drafts, stages
from services.campaigns import campaigns
from services.errors import Conflict, Forbidden, NotFound
from web.base import desk as desks
from web.base.desk import Desk, EditorDesk
from web.base.rendering import see_other
from web.organisers.builder import frame
from web.organisers.builder.frame import Step
from web.organisers.builder.petition_step import ONE, own, own_locked

PATH = ONE + "/{stage}"
router = Router()


class Stage(StrEnum):
    """What can be done to a petition. Only owners open and close."""

    REMOVE = "remove"
    OPEN = "open"
    CLOSE = "close"


def _known(text: str) -> Stage:
    try:
        return Stage(text)
    except ValueError as error:
        raise NotFound("page_unknown", "There is no such page.") from error


TheStage = Annotated[Stage, BeforeValidator(_known)]


@router.get(PATH)
def ask(
    slug: Slug, petition_slug: Slug, stage: TheStage, desk: EditorDesk, session: ReadSession
) -> Response:
    """Asks once more."""
    campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
    petition = own(session, campaign, petition_slug)
    _require_possible(desk, campaign, petition, stage)
    return desk.page(
        "organisers/builder/petition_stage.html",
        campaign=campaign,
        petition=petition,
        stage=stage,
        back=frame.path_of(slug, Step.PETITION),
    )


@router.post(PATH)
def act(
    slug: Slug, petition_slug: Slug, stage: TheStage, desk: EditorDesk, lobby: TheLobby, now: Now
) -> Response:
    """Does it. Doing it twice changes nothing more."""
    with lobby.database.write() as writing:
        campaign = campaigns.own_locked(writing, slug, organisation_id=desk.organisation_id)
        petition = own_locked(writing, campaign, petition_slug)
        _require_possible(desk, campaign, petition, stage)
        match stage:
            case Stage.REMOVE:
                drafts.remove_petition(writing, petition, now=now)
            case Stage.OPEN:
                stages.open_petition(writing, petition, now=now)
            case Stage.CLOSE:
                stages.close_petition(writing, petition, now=now)
    done = {Stage.REMOVE: "removed", Stage.OPEN: "opened", Stage.CLOSE: "closed"}[stage]
    return see_other(f"{frame.path_of(slug, Step.PETITION)}?done={done}")


def _require_possible(desk: Desk, campaign: Campaign, petition: Petition, stage: Stage) -> None:
    """Raises Forbidden for what only owners may do, and Conflict for what does not go now."""
    if stage is not Stage.REMOVE and not desk.is_owner:
        raise Forbidden("role_missing", desks.WHO_MAY[Role.OWNER])
    if stage is Stage.OPEN and campaign.status is CampaignStatus.DRAFT:
        message = "Its campaign is a draft. The petition opens with it."
        raise Conflict("campaign_draft", message)
    is_draft = petition.state is PetitionState.DRAFT
    if is_draft is not (stage is Stage.REMOVE) and stage is not Stage.OPEN:
        message = "Only a draft can be removed, and only an open petition can be closed."
        raise Conflict("petition_state", message)
