"""Sessions of Parliament: a motion lives in one of them, and falls when it ends.

The days are those of the first meeting, and of prorogation or, where there was none,
dissolution. An operator corrects and extends them with `lobby parliament-session`.
"""

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

# The first day of 2026-27 and the last one of 2024-26 are not confirmed by a source that we hold:
# what we know is that motions of 2026-27 were signed from 28 May 2026.
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


def session_on(session: Session, day: date) -> ParliamentSession | None:
    """The session of Parliament that had begun last on a day."""
    ensure_known(session)
    statement = (
        select(ParliamentSession)
        .where(ParliamentSession.starts_on <= day)
        .order_by(col(ParliamentSession.starts_on).desc())
    )
    return session.exec(statement).first()


def ensure_known(session: Session) -> None:
    """Add the sessions that the program ships; what an operator set stays."""
    rows = [
        {"name": name, "starts_on": starts_on, "ends_on": ends_on}
        for name, starts_on, ends_on in KNOWN
    ]
    insert_ignore(session, _table, rows)


def save(session: Session, *, name: str, starts_on: date, ends_on: date | None) -> None:
    """Add or correct a session of Parliament."""
    if ends_on is not None and ends_on <= starts_on:
        raise Invalid.field("ends", "ends_before_start", "A session ends after its first day.")
    ensure_known(session)
    row = {"name": name, "starts_on": starts_on, "ends_on": ends_on}
    upsert(session, _table, [row], key=["name"])


def lapse_motions(session: Session, *, now: datetime) -> list[int]:
    """End the motions whose session is over; their ids. Their names and tallies stay as they are.

    A session is over from its last day on, and in any case when a later one has begun.
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
    ended = list(session.exec(statement))
    for motion in ended:
        motion.status = MotionStatus.LAPSED
        lapsed = [Change(MotionEventKind.LAPSED, today)]
        motion_history.add(session, motion.id, lapsed, now=now)
        motion_events.changed(session, motion, lapsed, now=now)
    return [motion.id for motion in ended]
