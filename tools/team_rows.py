"""Rows of what a team has about members, of the map and of alerts, one of each kind."""

from datetime import datetime
from typing import Any

from sqlmodel import Session, select

from models import (
    AlertChoice,
    AlertDigest,
    AlertInterval,
    Campaign,
    Constituency,
    ContactPlace,
    LetterHour,
    MapLayout,
    MapTile,
    Member,
    MemberContact,
    MemberNote,
    Organiser,
    Private,
    QuickAnswer,
    QuickAnswerKind,
)


def add_one_of_each(session: Session, now: datetime) -> None:
    """Adds a contact, a note, an answer, an hour of letters, a tile, a choice and a digest."""
    organiser = session.exec(select(Organiser)).one()
    campaign = session.exec(select(Campaign)).one()
    member = session.exec(select(Member).limit(1)).one()
    seat = session.exec(select(Constituency).limit(1)).one()
    owner = organiser.organisation_id
    note: dict[str, Any] = {
        "organisation_id": owner,
        "campaign_id": campaign.id,
        "member_id": member.id,
        "organiser_id": organiser.id,
        "author": Private(owner, "new@example.org"),
    }
    westminster = ContactPlace.WESTMINSTER
    hour = now.replace(minute=0, second=0, microsecond=0)
    session.add_all(
        [
            session.merge(
                MemberContact(
                    member_id=member.id,
                    place=westminster,
                    telephone="020 7946 0101",
                    read_on=now.date(),
                )
            ),
            MemberNote(
                text=Private(owner, "Ring on Monday."),
                ring_back_on=now.date(),
                created_at=now,
                **note,
            ),
            QuickAnswer(kind=QuickAnswerKind.NO_ANSWER, recorded_at=now, **note),
            session.merge(LetterHour(campaign_id=campaign.id, hour=hour, sent=1)),
            session.merge(MapTile(constituency_code=seat.code, q=901, r=901)),
            session.merge(MapLayout(is_imported=False, made_at=now)),
            AlertChoice(
                organiser_id=organiser.id, every=AlertInterval.DAY, told_at=now, updated_at=now
            ),
            AlertDigest(organiser_id=organiser.id, created_at=now),
        ]
    )
