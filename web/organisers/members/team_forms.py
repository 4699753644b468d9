"""What the forms of the team about MPs have in common: their campaign, and the way back."""

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import Response
from pydantic import BaseModel
from sqlmodel import Session

from models import Campaign
from services.assembly import Lobby
from services.campaigns import campaigns
from web.base.desk import Desk
from web.base.rendering import see_other
from web.organisers.members import ask_query


class BackFields(BaseModel):
    """The query string of the list that a form is on."""

    back: str = ""


@contextmanager
def writing(lobby: Lobby, desk: Desk, slug: str) -> Iterator[tuple[Session, Campaign]]:
    """Opens a transaction, and reads the campaign of the address in it. Raises NotFound."""
    with lobby.database.write(is_public=False) as session:
        yield session, campaigns.own(session, slug, organisation_id=desk.organisation_id)


def back(slug: str, fields: BackFields, member_id: int, **done: object) -> Response:
    """Leads back to the row of an MP in the list that a form was on. `done` is what was done."""
    query = ask_query.read_back(fields.back)
    return see_other(ask_query.back_to(slug, query, member_id, **done))
