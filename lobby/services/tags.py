"""Tags of an organisation, and whom they are on."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from lobby.models import Tag
from lobby.models.base import new_id, table_of
from lobby.models.tag import LONGEST_NAME
from lobby.services import texts
from lobby.services.database import insert_ignore
from lobby.services.errors import Invalid, NotFound
from lobby.services.time_windows import Bound, Slice, any_after, conditions

_tag = table_of(Tag)


def create(session: Session, *, organisation_id: UUID, name: str, now: datetime) -> Tag:
    """Add a tag; the one of that name where there is one already. Invalid where it is no line."""
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
    session: Session, organisation_id: UUID, where: Slice, *, bounds: Sequence[Bound] = ()
) -> list[Tag]:
    """Those of one organisation, oldest first."""
    times = any_after(_tag.c.created_at)
    statement = (
        select(Tag)
        .where(
            Tag.organisation_id == organisation_id,
            *conditions(bounds, created=_tag.c.created_at, touched=times),
        )
        .order_by(col(Tag.id))
    )
    return list(session.exec(statement.offset(where.offset).limit(where.limit)))


def own(session: Session, tag_id: UUID, *, organisation_id: UUID) -> Tag:
    """A tag of one organisation; another's is NotFound."""
    found = session.get(Tag, tag_id)
    if found is None or found.organisation_id != organisation_id:
        raise NotFound("tag_unknown", "There is no such tag.")
    return found


def named(
    session: Session, names: Sequence[str], *, organisation_id: UUID, field: str
) -> list[UUID]:
    """The ids of an organisation's tags by their names. Invalid, naming `field` and the tags, where
    some do not exist: they are made first, so that a slip of the pen makes no new one."""
    names = [texts.line(name, field, longest=LONGEST_NAME) for name in names]
    if not names:
        return []
    statement = sa.select(_tag.c.name, _tag.c.id).where(
        _tag.c.organisation_id == organisation_id, _tag.c.name.in_(names)
    )
    found = {row.name: row.id for row in session.connection().execute(statement)}
    missing = [name for name in names if name not in found]
    if missing:
        listed = ", ".join(f"'{name}'" for name in missing)
        message = f"There is no tag {listed}. Make it with POST /tags first."
        raise Invalid.field(field, "tag_unknown", message)
    return list(found.values())
