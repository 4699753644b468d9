"""Shared by every table: constraint names, UTC times, ids, and enum columns with a CHECK."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import uuid_utils
from sqlalchemy.engine import Dialect
from sqlmodel import SQLModel
from uuid_utils.compat import uuid7

RowId = UUID | str
"""The id of a row, or its 32 hex digits."""

# Named constraints can be dropped by a migration on both databases.
NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
SQLModel.metadata.naming_convention = NAMING_CONVENTION


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """Stores aware times as UTC and returns them as UTC. SQLite alone would return naive times."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def choice(values: type[StrEnum], name: str, *, length: int = 20) -> sa.Enum:
    """Returns the type of a text column that a CHECK named `name` limits to `values`."""
    return sa.Enum(
        values,
        name=name,
        native_enum=False,
        create_constraint=True,
        length=length,
        values_callable=lambda enum: [member.value for member in enum],
    )


def new_id() -> UUID:
    """Returns a UUIDv7. Its ids sort by the time at which they were made."""
    return uuid7()


def new_ids(count: int) -> list[str]:
    """Returns `count` ids in ascending order, as the hex digits that databases take.

    In bulk inserts, building UUID objects would cost more than all other work on the ids.
    """
    return [uuid_utils.uuid7().hex for _ in range(count)]


def table_of(model: type[SQLModel]) -> sa.Table:
    """Returns the table behind a model, for statements on many rows."""
    table: Any = model
    result: sa.Table = table.__table__
    return result
