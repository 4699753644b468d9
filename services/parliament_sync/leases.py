"""Work on a schedule: one runner at a time, across processes and machines."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import Constituency, Job, Organisation
from models.base import table_of
from services.database.engine import insert_ignore

MOTIONS = "motions"
MEMBERS = "members"
LONGEST_RUN = {
    MOTIONS: timedelta(minutes=15),
    MEMBERS: timedelta(hours=2),  # 25 minutes where every answer comes at once
}
_job = table_of(Job)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to run a job, until it is finished or somebody else may take over."""

    name: str
    attempt: int
    until: datetime


def is_due(session: Session, name: str, *, now: datetime) -> bool:
    """True where a job may be run now; `lease` decides. One that never ran is due."""
    job = session.get(Job, name)
    is_free = job is None or job.leased_until is None or job.leased_until <= now
    return is_free and (job is None or job.due_at <= now)


def should_sync_members(session: Session) -> bool:
    """True where there are seats for them, a real organisation, and nothing that is invented.

    The demonstration's members are not in Parliament: they would all lose their seats.
    """
    kinds = set(session.exec(select(Organisation.is_demonstration).distinct()))
    return kinds == {False} and session.exec(select(col(Constituency.code))).first() is not None


def lease(session: Session, name: str, *, now: datetime) -> Lease | None:
    """The lease of a job that is due; None where it is not, or where another runs it.

    A runner that died gives way after the job's `LONGEST_RUN`.
    """
    until = now + LONGEST_RUN[name]
    row = {"name": name, "due_at": now, "attempt": 0}
    insert_ignore(session, _job, [row])
    is_free = sa.or_(_job.c.leased_until.is_(None), _job.c.leased_until <= now)
    taken = session.connection().execute(
        sa.update(_job)
        .where(_job.c.name == name, _job.c.due_at <= now, is_free)
        .values(leased_until=until, attempt=_job.c.attempt + 1)
    )
    if taken.rowcount == 0:
        return None
    found = sa.select(_job.c.attempt).where(_job.c.name == name)
    return Lease(name, session.connection().execute(found).scalar_one(), until)


def finish(
    session: Session, held: Lease, *, now: datetime, next_due: datetime, error: str | None = None
) -> bool:
    """End a run and say when the next is due; False where another has taken over."""
    ended = session.connection().execute(
        sa.update(_job)
        .where(_job.c.name == held.name, _job.c.attempt == held.attempt)
        .values(due_at=next_due, leased_until=None, finished_at=now, error=error)
    )
    return ended.rowcount == 1
