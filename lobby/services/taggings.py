"""Tags on supporters: each at most once."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import Session, col, select

from lobby.models import Tagging
from lobby.models.base import new_id, table_of
from lobby.services import introductions
from lobby.services.database import insert_ignore
from lobby.services.errors import NotFound
from lobby.services.time_windows import Bound, Slice, any_after, conditions

_tagging = table_of(Tagging)


def add(session: Session, tag_ids: Collection[UUID], supporter_id: UUID, *, now: datetime) -> None:
    """Put tags on a supporter. What is there already stays as it is."""
    supporter = introductions.locked(session, supporter_id)
    there = set(session.exec(select(Tagging.tag_id).where(Tagging.supporter_id == supporter_id)))
    rows = [
        {"id": new_id(), "tag_id": tag_id, "supporter_id": supporter_id, "created_at": now}
        for tag_id in sorted(set(tag_ids) - there)
    ]
    if rows:
        insert_ignore(session, _tagging, rows)
        supporter.changed_at = now
        session.flush()


def of_both(session: Session, tag_id: UUID, supporter_id: UUID) -> Tagging:
    """The one of this tag and supporter, or NotFound."""
    statement = select(Tagging).where(
        Tagging.tag_id == tag_id, Tagging.supporter_id == supporter_id
    )
    found = session.exec(statement).first()
    if found is None:
        raise _unknown()
    return found


def page(
    session: Session,
    where: Slice,
    *,
    tag_id: UUID | None = None,
    supporter_id: UUID | None = None,
    bounds: Sequence[Bound] = (),
) -> list[Tagging]:
    """Those of a tag or a supporter, oldest first. Whose they are, the caller has made sure of."""
    times = any_after(_tagging.c.created_at)
    statement = select(Tagging).where(
        *conditions(bounds, created=_tagging.c.created_at, touched=times)
    )
    if tag_id is not None:
        statement = statement.where(Tagging.tag_id == tag_id)
    if supporter_id is not None:
        statement = statement.where(Tagging.supporter_id == supporter_id)
    statement = statement.order_by(col(Tagging.id))
    return list(session.exec(statement.offset(where.offset).limit(where.limit)))


def get(
    session: Session,
    tagging_id: UUID,
    *,
    tag_id: UUID | None = None,
    supporter_id: UUID | None = None,
) -> Tagging:
    """One of a tag's or a supporter's, or NotFound."""
    found = session.get(Tagging, tagging_id)
    if (
        found is None
        or (tag_id is not None and found.tag_id != tag_id)
        or (supporter_id is not None and found.supporter_id != supporter_id)
    ):
        raise _unknown()
    return found


def remove(session: Session, tagging: Tagging, *, now: datetime) -> None:
    """Take a tag off a supporter."""
    introductions.locked(session, tagging.supporter_id).changed_at = now
    session.delete(tagging)
    session.flush()


def _unknown() -> NotFound:
    return NotFound("tagging_unknown", "There is no such tagging.")
