"""Members of the demonstration, and what organisers record about them."""

from datetime import date

from sqlmodel import select

from models import Campaign, Member, OverrideKind
from services.assembly import Lobby
from services.parliament import member_overrides
from services.parliament.member_overrides import NewOverride

MORAG = 900001
"""Edinburgh East and Musselburgh: Morag Ferncastle, who can sign and has not."""
SOURCE = "https://example.org/what-they-said"


def say(lobby: Lobby, name: str, kind: OverrideKind, day: date | None = None) -> None:
    """Records what a member said in public, with its source."""
    with lobby.database.write() as session:
        campaign = session.exec(select(Campaign)).one()
        member_overrides.record(
            session,
            NewOverride(kind, "A talk in private", SOURCE, day),
            organisation_id=campaign.organisation_id,
            member=session.exec(select(Member).where(Member.name == name)).one(),
            campaign=campaign if kind.is_of_campaign else None,
            now=lobby.clock(),
        )
