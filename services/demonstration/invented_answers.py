"""Loads contacts of the invented members' offices, and what the invented team recorded.

The numbers are among those that Ofcom keeps free for drama, so that nobody is called.
"""

from datetime import date, datetime, timedelta

from sqlmodel import Session, col, select

from models import Campaign, ContactPlace, Member, Organiser, QuickAnswerKind
from services.campaigns import member_notes, quick_answers
from services.common import times
from services.parliament import contacts
from services.parliament.official.members_api import OfficeContact

FIRST = 900000
RUNG, NOTED = "Morag Ferncastle", "Emlyn Tregaroth"
NOTE = "Caseworker: he reads motions on Mondays. Ring again next week."


def load_contacts(session: Session, *, today: date) -> None:
    """Gives each member an office at Westminster and one in the constituency."""
    found = session.exec(select(Member).where(col(Member.id) > FIRST))
    contacts.replace(session, {member.id: _offices(member) for member in found}, today=today)


def load_answers(
    session: Session, campaign: Campaign, organiser: Organiser, *, now: datetime
) -> None:
    """Loads an office that did not answer, and a note with a day to ring back."""
    ids = {name: _id_of(session, name) for name in (RUNG, NOTED)}
    then = now - timedelta(days=2)
    quick_answers.record(
        session,
        campaign,
        member_id=ids[RUNG],
        kind=QuickAnswerKind.NO_ANSWER,
        organiser=organiser,
        now=then,
    )
    member_notes.add(
        session,
        campaign,
        member_id=ids[NOTED],
        text=NOTE,
        ring_back_on=str(times.today(now) + timedelta(days=4)),
        organiser=organiser,
        now=then,
    )


def _offices(member: Member) -> list[OfficeContact]:
    number = member.id - FIRST
    local = f"office{number}@example.org"
    return [
        OfficeContact(ContactPlace.WESTMINSTER, f"020 7946 01{number:02}", member.email),
        OfficeContact(ContactPlace.CONSTITUENCY, f"01632 9601{number:02}", local),
    ]


def _id_of(session: Session, name: str) -> int:
    return session.exec(select(Member.id).where(Member.name == name)).one()
