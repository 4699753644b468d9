"""Advocacy campaigns of the dialect: our campaigns, which ask supporters to write to MPs."""

from typing import Any

from fastapi import Request, Response
from pydantic import Field
from sqlmodel import Session

from api.action_network.bodies import Body
from api.action_network.dependencies import CampaignsWriter, Member
from api.action_network.filters import TimeFilter
from api.action_network.idempotency import Once
from api.action_network.paging import HalAnswer, ThePage
from api.action_network.places import Places, id_in
from api.action_network.schemas.petition import campaign_answer
from api.action_network.schemas.reading import Part, parsed, renaming
from api.http.dependencies import Now, ReadSession, TheLobby, WriteSession
from api.http.late_routes import Router
from api.schemas.campaign import Title
from models import CampaignStatus
from services.campaigns import campaign_texts, campaigns, own_pages
from services.letters import campaign_changes

router = Router()
NAMES = {"summary": "description"}
_UNDER_WAY = (CampaignStatus.DRAFT, CampaignStatus.OPEN)


class CampaignIn(Part):
    """The fields of an advocacy campaign. None is for a field that is not in the body."""

    title: Title | None = None
    description: str | None = None
    hidden: bool | None = Field(default=None, alias="action_network:hidden")

    def values(self, status: CampaignStatus) -> dict[str, Any]:
        """Returns the values to save. `status` is that of now: what has ended does not open."""
        values = {
            "title": self.title,
            "summary": self._summary,
            "status": self._status if status in _UNDER_WAY else None,
        }
        return {name: value for name, value in values.items() if value is not None}

    @property
    def _summary(self) -> str | None:
        """Returns the description as one line, which may have had several."""
        text = " ".join((self.description or "").split())
        return campaign_texts.summary(text) if text else None

    @property
    def _status(self) -> CampaignStatus | None:
        if self.hidden is None:
            return None
        return CampaignStatus.DRAFT if self.hidden else CampaignStatus.OPEN


class NewCampaignIn(CampaignIn):
    """A new advocacy campaign."""

    title: Title


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


@router.post("/advocacy_campaigns")
def create_campaign(
    body: Body, lobby: TheLobby, caller: CampaignsWriter, once: Once, now: Now
) -> Response:
    """Adds a campaign, with a slug made from its title. Needs `campaigns:write` too.

    It is open, unless `action_network:hidden` is true. Without a description, the title is its
    summary.
    """
    new, owner = parsed(NewCampaignIn, body), caller.organisation_id
    with renaming(NAMES):
        given = new.values(CampaignStatus.OPEN)
    values = {"summary": new.title, "status": CampaignStatus.OPEN} | given

    def create(session: Session) -> HalAnswer:
        row = campaigns.create_titled(session, organisation_id=owner, values=values, now=now)
        campaign = own_pages.campaign(session, row.id, organisation_id=owner, viewer=owner)
        return HalAnswer(campaign_answer(Places(lobby, owner), campaign))

    return once.hal(create)


@router.get("/advocacy_campaigns/{campaign_id}")
def read_campaign(
    campaign_id: str, lobby: TheLobby, caller: Member, session: ReadSession
) -> HalAnswer:
    """Returns a campaign."""
    owner, row_id = caller.organisation_id, id_in(campaign_id, "advocacy_campaign")
    campaign = own_pages.campaign(session, row_id, organisation_id=owner, viewer=caller.viewer)
    return HalAnswer(campaign_answer(Places(lobby, owner), campaign))


@router.put("/advocacy_campaigns/{campaign_id}")
def change_campaign(
    campaign_id: str,
    body: Body,
    lobby: TheLobby,
    caller: CampaignsWriter,
    session: WriteSession,
    now: Now,
) -> HalAnswer:
    """Changes title and description, opens a draft, or makes a campaign a draft again.

    Needs `campaigns:write` too.
    """
    owner, row_id = caller.organisation_id, id_in(campaign_id, "advocacy_campaign")
    own = own_pages.campaign(session, row_id, organisation_id=owner, viewer=owner)
    with renaming(NAMES):
        values = parsed(CampaignIn, body).values(own.campaign.status)
    campaign_changes.change(session, own.campaign, values=values, pace=lobby.pace, now=now)
    return HalAnswer(campaign_answer(Places(lobby, owner), own))
