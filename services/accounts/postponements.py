"""Tasks of the desk's home that organisers put off ('Not today')."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Session, col, delete, select

from models import Postponement
from models.base import table_of
from services.common import times
from services.database.engine import upsert

_postponement = table_of(Postponement)


def put_off(
    session: Session, organiser_id: UUID, task: str, subject_id: UUID, *, now: datetime
) -> None:
    """Put a task off until tomorrow begins in London, for this organiser alone."""
    session.exec(
        delete(Postponement).where(
            col(Postponement.organiser_id) == organiser_id, col(Postponement.until) <= now
        )
    )
    row = {
        "organiser_id": organiser_id,
        "task": task,
        "subject_id": subject_id,
        "until": times.end_of_day(times.today(now)),
    }
    upsert(session, _postponement, [row], key=["organiser_id", "task", "subject_id"])


def in_force(session: Session, organiser_id: UUID, *, now: datetime) -> set[tuple[str, UUID]]:
    """Returns the tasks that an organiser has put off, each with the id of its subject."""
    statement = select(Postponement.task, Postponement.subject_id).where(
        Postponement.organiser_id == organiser_id, Postponement.until > now
    )
    return set(session.exec(statement).all())
