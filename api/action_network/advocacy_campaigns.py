"""Advocacy campaigns of the dialect: our campaigns, which ask supporters to write to MPs."""

from fastapi import APIRouter, Request

from api.action_network.dependencies import Member
from api.action_network.filters import TimeFilter
from api.action_network.paging import HalAnswer, ThePage
from api.action_network.places import Places, id_in
from api.action_network.schemas.petition import campaign_answer
from api.http.dependencies import ReadSession, TheLobby
from services.campaigns import own_pages

router = APIRouter()


@router.get("/advocacy_campaigns")
def read_campaigns(
    request: Request,
    lobby: TheLobby,
    caller: Member,
    session: ReadSession,
    page: ThePage,
    query: TimeFilter,
) -> HalAnswer:
    """Lists campaigns, oldest first. Partners' keys do not see drafts."""
    places, owner = Places(lobby, caller.organisation_id), caller.organisation_id
    rows = own_pages.of_campaigns(
        session, owner, page.rows, viewer=caller.viewer, bounds=query.bounds
    )
    return page.answer(
        request,
        places,
        "advocacy_campaigns",
        rows,
        lambda row: campaign_answer(places, row),
        total=query.total(lambda: own_pages.total_campaigns(session, owner, viewer=caller.viewer)),
    )


@router.get("/advocacy_campaigns/{campaign_id}")
def read_campaign(
    campaign_id: str, lobby: TheLobby, caller: Member, session: ReadSession
) -> HalAnswer:
    """Returns a campaign."""
    owner, row_id = caller.organisation_id, id_in(campaign_id, "advocacy_campaign")
    campaign = own_pages.campaign(session, row_id, organisation_id=owner, viewer=caller.viewer)
    return HalAnswer(campaign_answer(Places(lobby, owner), campaign))
