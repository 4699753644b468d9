"""Petitions of the dialect: those of the caller's organisation."""

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
from api.action_network.schemas.petition import petition_answer
from api.action_network.schemas.reading import Part, parsed, renaming
from api.http.dependencies import Now, ReadSession, TheLobby, WriteSession
from api.http.late_routes import Router
from api.schemas.fields import Line200, Text
from models import PetitionState
from services.campaigns import campaigns, own_pages, petitions
from services.common import texts

router = Router()
CAMPAIGN = "central_lobby:campaign"
UNSAID_TARGET = "the UK Government"
"""Whom an open petition asks if its client does not say: n8n can send a title alone."""

NAMES = {"addressed_to": "target"}


class TargetIn(Part):
    """A person or body that a petition is addressed to."""

    name: str


class PetitionIn(Part):
    """The fields of a petition. None is for a field that is not in the body."""

    title: Line200 | None = None
    description: Text | None = None
    petition_text: Text | None = None
    target: list[TargetIn] | str | None = None
    hidden: bool | None = Field(default=None, alias="action_network:hidden")

    def values(self, state: PetitionState) -> dict[str, Any]:
        """Returns the values to save. `state` is that of now: a closed petition stays closed."""
        values = {
            "action": self.title,
            # n8n can send `petition_text` only. In answers, that is the title.
            "background": self.petition_text if self.description is None else self.description,
            "addressed_to": self._to,
            "state": self._state if state is not PetitionState.CLOSED else None,
        }
        return {name: value for name, value in values.items() if value is not None}

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
    """A new petition. In Action Network, petitions belong to no campaign: `campaign` is ours."""

    title: Line200
    campaign: str | None = Field(default=None, alias=CAMPAIGN)


@router.get("/petitions")
def read_petitions(
    request: Request,
    lobby: TheLobby,
    caller: Member,
    session: ReadSession,
    page: ThePage,
    query: TimeFilter,
) -> HalAnswer:
    """Lists petitions, oldest first. Partners' keys do not see drafts."""
    places, owner = Places(lobby, caller.organisation_id), caller.organisation_id
    rows = own_pages.of_petitions(
        session, owner, page.rows, viewer=caller.viewer, bounds=query.bounds
    )
    return page.answer(
        request,
        places,
        "petitions",
        rows,
        lambda row: petition_answer(places, row),
        total=query.total(lambda: own_pages.total_petitions(session, owner, viewer=caller.viewer)),
    )


@router.post("/petitions")
def create_petition(
    body: Body, lobby: TheLobby, caller: CampaignsWriter, once: Once, now: Now
) -> Response:
    """Adds a petition, with a slug made from its title. Needs `campaigns:write` too.

    It can be signed at once, unless `action_network:hidden` is true.
    """
    new, owner = parsed(NewPetitionIn, body), caller.organisation_id
    target = "" if new.hidden else UNSAID_TARGET
    values = {"addressed_to": target, "state": PetitionState.OPEN} | new.values(PetitionState.OPEN)

    def create(session: Session) -> HalAnswer:
        campaign = campaigns.of_new_petition(
            session, new.campaign, organisation_id=owner, field=CAMPAIGN
        )
        with renaming(NAMES):
            row = petitions.create_titled(session, campaign=campaign, values=values, now=now)
        petition = own_pages.petition(session, row.id, organisation_id=owner, viewer=owner)
        return HalAnswer(petition_answer(Places(lobby, owner), petition))

    return once.hal(create)


@router.get("/petitions/{petition_id}")
def read_petition(
    petition_id: str, lobby: TheLobby, caller: Member, session: ReadSession
) -> HalAnswer:
    """Returns a petition."""
    owner, row_id = caller.organisation_id, id_in(petition_id, "petition")
    own = own_pages.petition(session, row_id, organisation_id=owner, viewer=caller.viewer)
    return HalAnswer(petition_answer(Places(lobby, owner), own))


@router.put("/petitions/{petition_id}")
def change_petition(
    petition_id: str,
    body: Body,
    lobby: TheLobby,
    caller: CampaignsWriter,
    session: WriteSession,
    now: Now,
) -> HalAnswer:
    """Changes title, description and target, opens a draft, or makes a petition a draft again.

    Needs `campaigns:write` too.
    """
    owner, row_id = caller.organisation_id, id_in(petition_id, "petition")
    own = own_pages.petition(session, row_id, organisation_id=owner, viewer=caller.viewer)
    caller.require_petition(own.petition)
    values = parsed(PetitionIn, body).values(own.petition.state)
    with renaming(NAMES):
        petitions.update(session, own.petition, values=values, now=now)
    return HalAnswer(petition_answer(Places(lobby, owner), own))
