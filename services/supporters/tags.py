"""Tags of an organisation, and taggings, which put a tag on a supporter at most once."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import Supporter, Tag, Tagging
from models.base import new_id, table_of
from models.tag import LONGEST_NAME
from services.common import texts
from services.database.engine import insert_ignore
from services.database.time_windows import PageRange, TimeBound, any_after, conditions
from services.database.totals import counted
from services.errors import Invalid, NotFound
from services.supporters import supporters

_tag = table_of(Tag)
_tagging = table_of(Tagging)
_supporter = table_of(Supporter)


@dataclass(frozen=True, slots=True)
class NamedTags:
    """The ids of the tags that were named, and the names that no tag has."""

    ids: tuple[UUID, ...]
    unknown: tuple[str, ...]


def create(session: Session, *, organisation_id: UUID, name: str, now: datetime) -> Tag:
    """Add a tag, or return the existing one of that name. Raises Invalid for a bad name."""
    name = texts.line(name, "name", longest=LONGEST_NAME)
    row = {
        "id": new_id(),
        "organisation_id": organisation_id,
        "name": name,
        "created_at": now,
    }
    insert_ignore(session, _tag, [row])
    statement = select(Tag).where(Tag.organisation_id == organisation_id, Tag.name == name)
    return session.exec(statement).one()


def page(
    session: Session, organisation_id: UUID, where: PageRange, *, bounds: Sequence[TimeBound] = ()
) -> list[Tag]:
    """Returns tags of one organisation, the oldest first."""
    times = any_after(_tag.c.created_at)
    statement = (
        select(Tag)
        .where(
            Tag.organisation_id == organisation_id,
            *conditions(bounds, created=_tag.c.created_at, modified=times),
        )
        .order_by(col(Tag.id))
    )
    return list(session.exec(statement.offset(where.offset).limit(where.limit)))


def total(session: Session, organisation_id: UUID) -> int | None:
    """Returns how many tags an organisation has; None as `counted`."""
    return counted(session, sa.select(_tag.c.id).where(_tag.c.organisation_id == organisation_id))


def own(session: Session, tag_id: UUID, *, organisation_id: UUID) -> Tag:
    """Returns a tag of this organisation; raises NotFound for any other."""
    tag = session.get(Tag, tag_id)
    if tag is None or tag.organisation_id != organisation_id:
        raise NotFound("tag_unknown", "There is no such tag.")
    return tag


def named(session: Session, names: Sequence[str], *, organisation_id: UUID) -> NamedTags:
    """Returns an organisation's tags by their names, and the names that no tag has.

    No tag is created here, so that a typing error adds none.
    """
    wanted = {name: _tidy(name) for name in names if name.strip()}
    if not wanted:
        return NamedTags((), ())
    tidied = {name for name in wanted.values() if name}
    statement = sa.select(_tag.c.name, _tag.c.id).where(
        _tag.c.organisation_id == organisation_id, _tag.c.name.in_(tidied)
    )
    ids = {row.name: row.id for row in session.connection().execute(statement)}
    return NamedTags(
        tuple(ids.values()), tuple(name for name, tidy in wanted.items() if tidy not in ids)
    )


def _tidy(name: str) -> str | None:
    """Returns a name as `create` stores it, or None if no tag can have it."""
    try:
        return texts.line(name, "name", longest=LONGEST_NAME)
    except Invalid:
        return None


def add_taggings(
    session: Session, tag_ids: Collection[UUID], supporter_id: UUID, *, now: datetime
) -> None:
    """Put tags on a supporter; existing taggings stay unchanged."""
    supporter = supporters.locked(session, supporter_id)
    existing = set(session.exec(select(Tagging.tag_id).where(Tagging.supporter_id == supporter_id)))
    rows = [
        {"id": new_id(), "tag_id": tag_id, "supporter_id": supporter_id, "created_at": now}
        for tag_id in sorted(set(tag_ids) - existing)
    ]
    if rows:
        insert_ignore(session, _tagging, rows)
        supporter.changed_at = now
        session.flush()


def add_confirmed(
    session: Session, taggings: Sequence[tuple[UUID, UUID]], *, now: datetime
) -> None:
    """Put tags on supporters, given as pairs of a tag and a supporter, who confirmed together.

    Tags that were deleted meanwhile are left out. It locks no supporter, so that two batches of
    confirmations cannot deadlock.
    """
    if not taggings:
        return
    tag_ids = {tag_id for tag_id, _ in taggings}
    existing = set(session.exec(select(Tag.id).where(col(Tag.id).in_(tag_ids))))
    pairs = sorted({pair for pair in taggings if pair[0] in existing})
    rows = [
        {"id": new_id(), "tag_id": tag_id, "supporter_id": supporter_id, "created_at": now}
        for tag_id, supporter_id in pairs
    ]
    insert_ignore(session, _tagging, rows)
    changed = sorted({supporter_id for _, supporter_id in pairs})
    session.connection().execute(
        sa.update(_supporter).where(_supporter.c.id.in_(changed)).values(changed_at=now)
    )


def tagging_of_both(session: Session, tag_id: UUID, supporter_id: UUID) -> Tagging:
    """Returns the tagging of this tag and supporter; raises NotFound."""
    statement = select(Tagging).where(
        Tagging.tag_id == tag_id, Tagging.supporter_id == supporter_id
    )
    tagging = session.exec(statement).first()
    if tagging is None:
        raise _tagging_unknown()
    return tagging


def taggings_page(
    session: Session,
    where: PageRange,
    *,
    tag_id: UUID | None = None,
    supporter_id: UUID | None = None,
    bounds: Sequence[TimeBound] = (),
) -> list[Tagging]:
    """Returns taggings of a tag or a supporter, oldest first; the caller has checked access."""
    times = any_after(_tagging.c.created_at)
    statement = (
        select(Tagging)
        .where(*conditions(bounds, created=_tagging.c.created_at, modified=times))
        .where(*_taggings_of(tag_id, supporter_id))
        .order_by(col(Tagging.id))
    )
    return list(session.exec(statement.offset(where.offset).limit(where.limit)))


def taggings_total(
    session: Session, *, tag_id: UUID | None = None, supporter_id: UUID | None = None
) -> int | None:
    """Returns how many taggings a tag or a supporter has; None as `counted`."""
    return counted(session, sa.select(_tagging.c.id).where(*_taggings_of(tag_id, supporter_id)))


def _taggings_of(tag_id: UUID | None, supporter_id: UUID | None) -> list[sa.ColumnElement[bool]]:
    wanted = ((_tagging.c.tag_id, tag_id), (_tagging.c.supporter_id, supporter_id))
    return [column == value for column, value in wanted if value is not None]


def get_tagging(
    session: Session,
    tagging_id: UUID,
    *,
    tag_id: UUID | None = None,
    supporter_id: UUID | None = None,
) -> Tagging:
    """Returns a tagging of this tag or supporter; raises NotFound for any other."""
    tagging = session.get(Tagging, tagging_id)
    if (
        tagging is None
        or (tag_id is not None and tagging.tag_id != tag_id)
        or (supporter_id is not None and tagging.supporter_id != supporter_id)
    ):
        raise _tagging_unknown()
    return tagging


def remove_tagging(session: Session, tagging: Tagging, *, now: datetime) -> None:
    """Remove a tag from a supporter."""
    supporters.locked(session, tagging.supporter_id).changed_at = now
    session.delete(tagging)
    session.flush()


def _tagging_unknown() -> NotFound:
    return NotFound("tagging_unknown", "There is no such tagging.")
