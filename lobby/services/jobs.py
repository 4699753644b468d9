"""Work on a schedule: one runner at a time, across processes and machines."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session

from lobby.models import Job
from lobby.models.base import table_of
from lobby.services.database import insert_ignore

MOTIONS = "motions"
LONGEST_RUN = timedelta(minutes=15)
_job = table_of(Job)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to run a job, until it is finished or somebody else may take over."""

    name: str
    attempt: int


def lease(session: Session, name: str, *, now: datetime) -> Lease | None:
    """The lease of a job that is due; None where it is not, or where another runs it.

    A runner that died gives way after `LONGEST_RUN`.
    """
    row = {"name": name, "due_at": now, "attempt": 0}
    insert_ignore(session, _job, [row])
    is_free = sa.or_(_job.c.leased_until.is_(None), _job.c.leased_until <= now)
    taken = session.connection().execute(
        sa.update(_job)
        .where(_job.c.name == name, _job.c.due_at <= now, is_free)
        .values(leased_until=now + LONGEST_RUN, attempt=_job.c.attempt + 1)
    )
    if taken.rowcount == 0:
        return None
    found = sa.select(_job.c.attempt).where(_job.c.name == name)
    return Lease(name, session.connection().execute(found).scalar_one())


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
