"""Petitions of the dialect: an organisation's own."""

from fastapi import APIRouter, Request

from lobby.api.action_network.bodies import Body
from lobby.api.action_network.dependencies import CampaignsWriter, Member
from lobby.api.action_network.filters import TimeFilter
from lobby.api.action_network.paging import HalAnswer, ThePage
from lobby.api.action_network.places import Places, id_in
from lobby.api.action_network.schemas.petition import petition_answer
from lobby.api.action_network.schemas.reading import Part, parsed
from lobby.api.dependencies import Now, ReadSession, TheLobby, WriteSession
from lobby.api.schemas.fields import Line200, Text
from lobby.services import own_pages, petitions, texts

router = APIRouter()


class TargetIn(Part):
    """One of those to whom a petition is addressed."""

    name: str


class PetitionIn(Part):
    """What can be changed; None is what is not."""

    title: Line200 | None = None
    description: Text | None = None
    target: list[TargetIn] | str | None = None

    def values(self) -> dict[str, str]:
        """As the services take them."""
        given = {"action": self.title, "background": self.description, "addressed_to": self._to}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def _to(self) -> str | None:
        if not self.target:
            return None
        names = [self.target] if isinstance(self.target, str) else [to.name for to in self.target]
        return texts.line(", ".join(names), "target", longest=200)


@router.get("/petitions")
def read_petitions(
    request: Request,
    lobby: TheLobby,
    caller: Member,
    session: ReadSession,
    page: ThePage,
    asked: TimeFilter,
) -> HalAnswer:
    """Oldest first, drafts too."""
    places, address = Places(lobby, caller.organisation_id), lobby.settings.mail_from
    owner = caller.organisation_id
    found = own_pages.of_petitions(session, owner, page.rows, bounds=asked.bounds)
    return page.answer(
        request, places, "petitions", found, lambda each: petition_answer(places, each, address)
    )


@router.get("/petitions/{petition_id}")
def read_petition(
    petition_id: str, lobby: TheLobby, caller: Member, session: ReadSession
) -> HalAnswer:
    """One petition."""
    owner, place = caller.organisation_id, id_in(petition_id, "petition")
    found = own_pages.petition(session, place, organisation_id=owner)
    return HalAnswer(petition_answer(Places(lobby, owner), found, lobby.settings.mail_from))


@router.put("/petitions/{petition_id}")
def change_petition(
    petition_id: str,
    body: Body,
    lobby: TheLobby,
    caller: CampaignsWriter,
    session: WriteSession,
    now: Now,
) -> HalAnswer:
    """Change title, description and target. Needs `campaigns:write` too."""
    owner, place = caller.organisation_id, id_in(petition_id, "petition")
    found = own_pages.petition(session, place, organisation_id=owner)
    caller.require_petition(found.petition)
    petitions.update(session, found.petition, values=parsed(PetitionIn, body).values(), now=now)
    return HalAnswer(petition_answer(Places(lobby, owner), found, lobby.settings.mail_from))
