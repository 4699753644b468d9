"""Shared by every table: constraint names, UTC times, ids, and enum columns with a CHECK."""

import os
import threading
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
# Tables validate nothing: a validator of each would take time and memory at every start.
SQLModel.model_config["defer_build"] = True


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


def new_ids_at(count: int, moment: datetime) -> list[str]:
    """Works like `new_ids`, with the time in the ids from `moment` instead of the machine's clock.

    Of one process, all ids of a millisecond are in the order in which they were made: 26 bits count
    them (RFC 9562, 6.2, method 1), and 48 are random.
    """
    milliseconds = int(moment.timestamp() * 1000)
    random = os.urandom(6 * count)
    first = _counter.take(milliseconds, count)
    return [
        f"{milliseconds:012x}7{(first + place) >> 14:03x}"
        f"{0x8000 | (first + place) & 0x3FFF:04x}{random[6 * place : 6 * place + 6].hex()}"
        for place in range(count)
    ]


class _Counter:
    """Counts the ids of one millisecond, from a random start: other processes count too."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._milliseconds = self._next = 0

    def take(self, milliseconds: int, count: int) -> int:
        """Returns the first of `count` numbers below 2^26 that follow each other."""
        with self._lock:
            if milliseconds != self._milliseconds or self._next + count > _COUNTER_LIMIT:
                self._milliseconds = milliseconds
                self._next = int.from_bytes(os.urandom(3), "big")
            first = self._next
            self._next += count
            return first


_COUNTER_LIMIT = 1 << 26
_counter = _Counter()


def table_of(model: type[SQLModel]) -> sa.Table:
    """Returns the table behind a model, for statements on many rows."""
    table: Any = model
    result: sa.Table = table.__table__
    return result
