"""Leases for scheduled jobs: one runner at a time, across processes and machines."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import Constituency, Job, Organisation
from models.base import table_of
from services.database.engine import insert_ignore

MOTIONS = "motions"
MEMBERS = "members"
COUNTRIES = "countries"
LONGEST_RUN = {
    MOTIONS: timedelta(minutes=15),
    MEMBERS: timedelta(hours=2),  # 25 minutes where every answer comes at once
    COUNTRIES: timedelta(minutes=15),
}
_job = table_of(Job)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to run a job until it is finished, or until `until`, when another may take over."""

    name: str
    attempt: int
    until: datetime


def is_due(session: Session, name: str, *, now: datetime) -> bool:
    """Returns whether a job can be run now; one that never ran is due.

    Two callers can both get True: only one of them gets the lease from `acquire`.
    """
    job = session.get(Job, name)
    is_free = job is None or job.leased_until is None or job.leased_until <= now
    return is_free and (job is None or job.due_at <= now)


def should_sync_members(session: Session) -> bool:
    """Returns whether there are seats and a real organisation, and no demonstration.

    The demonstration's members are invented: a sync would take all of them out of their seats.
    """
    kinds = set(session.exec(select(Organisation.is_demonstration).distinct()))
    return kinds == {False} and session.exec(select(col(Constituency.code))).first() is not None


def acquire(session: Session, name: str, *, now: datetime) -> Lease | None:
    """Returns the lease of a job; None where it is not due, or where another runner has it.

    If a runner dies, its lease ends after the job's `LONGEST_RUN`.
    """
    until = now + LONGEST_RUN[name]
    row = {"name": name, "due_at": now, "attempt": 0}
    insert_ignore(session, _job, [row])
    is_free = sa.or_(_job.c.leased_until.is_(None), _job.c.leased_until <= now)
    update = session.connection().execute(
        sa.update(_job)
        .where(_job.c.name == name, _job.c.due_at <= now, is_free)
        .values(leased_until=until, attempt=_job.c.attempt + 1)
    )
    if update.rowcount == 0:
        return None
    attempt = sa.select(_job.c.attempt).where(_job.c.name == name)
    return Lease(name, session.connection().execute(attempt).scalar_one(), until)


def finish(
    session: Session, lease: Lease, *, now: datetime, next_due: datetime, error: str | None = None
) -> bool:
    """Ends a run and sets when the next is due; returns False where another has taken over."""
    update = session.connection().execute(
        sa.update(_job)
        .where(_job.c.name == lease.name, _job.c.attempt == lease.attempt)
        .values(due_at=next_due, leased_until=None, finished_at=now, error=error)
    )
    return update.rowcount == 1
