"""Notes of a campaign's team on members, and the days on which to ring their offices back.

Notes are private: only pages of the organisation's editors and owners show them. A member who asks
what is kept about them gets them, so they must be fit to be read by that person. `team_records`
reads them.
"""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from models import Campaign, MemberNote, Membership, Organiser, Private
from services.campaigns import quick_answers
from services.common import texts, times
from services.errors import Invalid, NotFound

LONGEST = 2000
FURTHEST = timedelta(days=366)


def add(
    session: Session,
    campaign: Campaign,
    *,
    member_id: int,
    text: str,
    ring_back_on: str,
    organiser: Organiser,
    now: datetime,
) -> MemberNote:
    """Add a note, a day on which to ring back, or both, as they were typed.

    Raises Invalid for `text` or `ring_back_on`, and NotFound for an unknown member.
    """
    quick_answers.require_member(session, member_id)
    written, day = checked(text, ring_back_on, now=now)
    owner = campaign.organisation_id
    note = MemberNote(
        organisation_id=owner,
        campaign_id=campaign.id,
        member_id=member_id,
        organiser_id=organiser.id,
        author=Private(owner, organiser.email.text),
        text=Private(owner, written) if written else None,
        ring_back_on=day,
        created_at=now,
    )
    session.add(note)
    session.flush()
    return note


def checked(text: str, ring_back_on: str, *, now: datetime) -> tuple[str, date | None]:
    """Returns a note and a day as they are kept; raises Invalid with all that is wrong."""
    problems: list[Invalid] = []
    written, day = "", None
    try:
        written = texts.paragraphs(text, "text", longest=LONGEST)
    except Invalid as error:
        problems.append(error)
    try:
        day = _day(ring_back_on.strip(), times.today(now))
    except Invalid as error:
        problems.append(error)
    if not problems and not written and day is None:
        message = "Write a note, or choose a day to ring back."
        problems.append(Invalid.field("text", "too_short", message))
    if problems:
        raise texts.combined(problems)
    return written, day


def note_rung_back(
    session: Session, campaign: Campaign, note_id: UUID, *, now: datetime
) -> MemberNote:
    """Note that somebody has rung back. Repeating it changes nothing.

    Raises NotFound for a note of another campaign, or without a day.
    """
    note = _own(session, campaign, note_id)
    if note.ring_back_on is None:
        raise _unknown()
    note.rung_back_at = note.rung_back_at or now
    session.add(note)
    session.flush()
    return note


def remove(session: Session, campaign: Campaign, note_id: UUID) -> int:
    """Delete a note for good; returns the id of its member.

    Raises NotFound for a note of another campaign.
    """
    note = _own(session, campaign, note_id)
    session.delete(note)
    session.flush()
    return note.member_id


def is_due(today: Any) -> sa.ColumnElement[bool]:
    """Returns the SQL condition on a note whose office is to be rung back today.

    `today` is a day or a parameter. Members who have left Parliament don't count.
    """
    ends_on = col(Membership.ends_on)
    sits = sa.exists().where(
        col(Membership.member_id) == MemberNote.member_id,
        col(Membership.starts_on) <= today,
        sa.or_(ends_on.is_(None), ends_on > today),
    )
    rung_back_at, day = col(MemberNote.rung_back_at), col(MemberNote.ring_back_on)
    return sa.and_(rung_back_at.is_(None), day <= today, sits)


def count_due(campaign_id: Any, today: Any) -> sa.ScalarSelect[int]:
    """Returns SQL for the number of offices to ring back today, for one campaign of each row.

    `campaign_id` is the column of the outer statement that names the campaign.
    """
    return (
        sa.select(sa.func.count(sa.distinct(col(MemberNote.member_id))))
        .where(col(MemberNote.campaign_id) == campaign_id, is_due(today))
        .correlate(campaign_id.table)
        .scalar_subquery()
    )


def _own(session: Session, campaign: Campaign, note_id: UUID) -> MemberNote:
    note = session.get(MemberNote, note_id)
    if note is None or note.campaign_id != campaign.id:
        raise _unknown()
    return note


def _unknown() -> NotFound:
    return NotFound("note_unknown", "There is no such note.")


def _day(text: str, today: date) -> date | None:
    if not text:
        return None
    day = texts.day(text, "ring_back_on")
    if day < today:
        raise Invalid.field("ring_back_on", "in_the_past", "This day is over. Choose a later one.")
    if day > today + FURTHEST:
        raise Invalid.field("ring_back_on", "too_late", "Choose a day within a year.")
    return day
