"""Sessions of Parliament. A motion belongs to one session and lapses when that session ends.

`starts_on` is the day of the first meeting, and `ends_on` that of prorogation or, where there was
none, of dissolution. Operators correct and add sessions with `lobby parliament-session`. Source of
the rule: `docs/guide/parliament.md`.
"""

from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import Motion, MotionEventKind, MotionStatus, ParliamentSession
from models.base import table_of
from services.database.engine import insert_ignore, upsert
from services.errors import Invalid
from services.parliament import motion_history
from services.parliament.motion_history import Change
from services.webhooks import motion_events

# No source confirms the first day of 2026-27 and the last of 2024-26. We know that motions of
# 2026-27 were signed from 28 May 2026.
KNOWN: tuple[tuple[str, date, date | None], ...] = (
    ("2015-16", date(2015, 5, 18), date(2016, 5, 12)),
    ("2016-17", date(2016, 5, 18), date(2017, 4, 27)),
    ("2017-19", date(2017, 6, 13), date(2019, 10, 8)),
    ("2019", date(2019, 10, 14), date(2019, 11, 6)),
    ("2019-21", date(2019, 12, 17), date(2021, 4, 29)),
    ("2021-22", date(2021, 5, 11), date(2022, 4, 28)),
    ("2022-23", date(2022, 5, 10), date(2023, 10, 26)),
    ("2023-24", date(2023, 11, 7), date(2024, 5, 24)),
    ("2024-26", date(2024, 7, 9), None),
    ("2026-27", date(2026, 5, 13), None),
)
_table = table_of(ParliamentSession)


@dataclass(frozen=True, slots=True)
class Calendar:
    """The sessions of Parliament, the newest first: name, first day, last day if it is known."""

    sessions: tuple[tuple[str, date, date | None], ...]

    def begun_by(self, day: date) -> tuple[str, date, date | None] | None:
        """Returns the last session to begin by a day."""
        return next((known for known in self.sessions if known[1] <= day), None)

    def has_lapsed(self, tabled_on: date, *, today: date) -> bool:
        """Returns whether a motion has lapsed: its session is over, or a later one has begun."""
        its_own, current = self.begun_by(tabled_on), self.begun_by(today)
        if its_own is None or its_own != current:
            return True
        return its_own[2] is not None and its_own[2] <= today


def calendar(session: Session) -> Calendar:
    """Returns the known sessions, as operators have corrected them. Nothing is stored."""
    known = {name: (name, starts_on, ends_on) for name, starts_on, ends_on in KNOWN}
    for stored in session.exec(select(ParliamentSession)):
        known[stored.name] = (stored.name, stored.starts_on, stored.ends_on)
    return Calendar(tuple(sorted(known.values(), key=lambda each: each[1], reverse=True)))


def session_on(session: Session, day: date) -> ParliamentSession | None:
    """Returns the session of Parliament that was the last to begin by `day`."""
    ensure_known(session)
    statement = (
        select(ParliamentSession)
        .where(ParliamentSession.starts_on <= day)
        .order_by(col(ParliamentSession.starts_on).desc())
    )
    return session.exec(statement).first()


def ensure_known(session: Session) -> None:
    """Adds the sessions in `KNOWN`; sessions that are stored already, or corrected, stay."""
    rows = [
        {"name": name, "starts_on": starts_on, "ends_on": ends_on}
        for name, starts_on, ends_on in KNOWN
    ]
    insert_ignore(session, _table, rows)


def save(session: Session, *, name: str, starts_on: date, ends_on: date | None) -> None:
    """Adds or corrects a session of Parliament. Raises Invalid where it ends before it starts."""
    if ends_on is not None and ends_on <= starts_on:
        raise Invalid.field("ends", "ends_before_start", "A session ends after its first day.")
    ensure_known(session)
    row = {"name": name, "starts_on": starts_on, "ends_on": ends_on}
    upsert(session, _table, [row], key=["name"])


def lapse_motions(session: Session, *, now: datetime) -> list[int]:
    """Marks the motions whose session is over as lapsed, and returns their ids.

    A session is over from its last day on, or once a later one has begun. Names and tallies do not
    change; each motion gets an event and its webhook events.
    """
    today = now.date()
    later = sa.alias(_table)
    has_ended = sa.or_(
        _table.c.ends_on <= today,
        sa.exists().where(later.c.starts_on > _table.c.starts_on, later.c.starts_on <= today),
    )
    statement = (
        select(Motion)
        .join(ParliamentSession, col(ParliamentSession.id) == Motion.parliament_session_id)
        .where(Motion.status == MotionStatus.PUBLISHED, has_ended)
    )
    motions = list(session.exec(statement))
    for motion in motions:
        motion.status = MotionStatus.LAPSED
        changes = [Change(MotionEventKind.LAPSED, today)]
        motion_history.add(session, motion.id, changes, now=now)
        motion_events.changed(session, motion, changes, now=now)
    return [motion.id for motion in motions]
