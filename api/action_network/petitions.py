"""Petitions of the dialect: an organisation's own."""

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import Field
from sqlmodel import Session

from api.action_network.bodies import Body
from api.action_network.dependencies import CampaignsWriter, Member
from api.action_network.filters import TimeFilter
from api.action_network.idempotency import Once
from api.action_network.paging import HalAnswer, ThePage
from api.action_network.places import Places, id_in
from api.action_network.schemas.petition import petition_answer
from api.action_network.schemas.reading import Part, parsed, renaming
from api.http.dependencies import Now, ReadSession, TheLobby, WriteSession
from api.schemas.fields import Line200, Text
from models import PetitionState
from services.campaigns import campaigns, own_pages, petitions
from services.common import texts

router = APIRouter()
CAMPAIGN = "central_lobby:campaign"
NAMES = {"addressed_to": "target"}


class TargetIn(Part):
    """One of those to whom a petition is addressed."""

    name: str


class PetitionIn(Part):
    """What is told of a petition; None is what is not."""

    title: Line200 | None = None
    description: Text | None = None
    petition_text: Text | None = None
    target: list[TargetIn] | str | None = None
    hidden: bool | None = Field(default=None, alias="action_network:hidden")

    def values(self, state: PetitionState) -> dict[str, Any]:
        """As the services take them, of a petition that is in this state now."""
        given = {
            "action": self.title,
            # n8n can send the other one alone. What we tell as that is the title.
            "background": self.petition_text if self.description is None else self.description,
            "addressed_to": self._to,
            "state": self._state if state is not PetitionState.CLOSED else None,
        }
        return {name: value for name, value in given.items() if value is not None}

    @property
    def _to(self) -> str | None:
        if not self.target:
            return None
        names = [self.target] if isinstance(self.target, str) else [to.name for to in self.target]
        return texts.line(", ".join(names), "target", longest=200)

    @property
    def _state(self) -> PetitionState | None:
        if self.hidden is None:
            return None
        return PetitionState.DRAFT if self.hidden else PetitionState.OPEN


class NewPetitionIn(PetitionIn):
    """A new one. Those of Action Network belong to no campaign."""

    title: Line200
    campaign: str | None = Field(default=None, alias=CAMPAIGN)


@router.get("/petitions")
def read_petitions(
    request: Request,
    lobby: TheLobby,
    caller: Member,
    session: ReadSession,
    page: ThePage,
    asked: TimeFilter,
) -> HalAnswer:
    """Oldest first; drafts too, but not for a partner."""
    places, owner = Places(lobby, caller.organisation_id), caller.organisation_id
    found = own_pages.of_petitions(
        session, owner, page.rows, viewer=caller.viewer, bounds=asked.bounds
    )
    return page.answer(
        request, places, "petitions", found, lambda each: petition_answer(places, each)
    )


@router.post("/petitions")
def create_petition(
    body: Body, lobby: TheLobby, caller: CampaignsWriter, once: Once, now: Now
) -> Response:
    """Add a petition: a draft, unless it says `action_network:hidden: false`. It has the slug that
    its title makes. Needs `campaigns:write` too."""
    told, owner = parsed(NewPetitionIn, body), caller.organisation_id
    values = {"addressed_to": "", "state": PetitionState.DRAFT} | told.values(PetitionState.DRAFT)

    def create(session: Session) -> HalAnswer:
        campaign = campaigns.of_new_petition(
            session, told.campaign, organisation_id=owner, field=CAMPAIGN
        )
        with renaming(NAMES):
            made = petitions.create_titled(session, campaign=campaign, values=values, now=now)
        found = own_pages.petition(session, made.id, organisation_id=owner, viewer=owner)
        return HalAnswer(petition_answer(Places(lobby, owner), found))

    return once.hal(create)


@router.get("/petitions/{petition_id}")
def read_petition(
    petition_id: str, lobby: TheLobby, caller: Member, session: ReadSession
) -> HalAnswer:
    """One petition."""
    owner, place = caller.organisation_id, id_in(petition_id, "petition")
    found = own_pages.petition(session, place, organisation_id=owner, viewer=caller.viewer)
    return HalAnswer(petition_answer(Places(lobby, owner), found))


@router.put("/petitions/{petition_id}")
def change_petition(
    petition_id: str,
    body: Body,
    lobby: TheLobby,
    caller: CampaignsWriter,
    session: WriteSession,
    now: Now,
) -> HalAnswer:
    """Change title, description and target; open a draft, or make it one again. Needs
    `campaigns:write` too."""
    owner, place = caller.organisation_id, id_in(petition_id, "petition")
    found = own_pages.petition(session, place, organisation_id=owner, viewer=caller.viewer)
    caller.require_petition(found.petition)
    values = parsed(PetitionIn, body).values(found.petition.state)
    with renaming(NAMES):
        petitions.update(session, found.petition, values=values, now=now)
    return HalAnswer(petition_answer(Places(lobby, owner), found))
