"""Many rows into one table in one statement, in the way that each database takes fastest.

SQLite gets prepared values one row after the other, PostgreSQL one array a column. What SQLAlchemy
would do for each row again (looking up types, naming parameters) is done once a table.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlmodel import Session

from lobby.models import Private

Processor = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Plan:
    """The statement for some columns of a table, and what makes each value fit to be sent."""

    text: str
    processors: tuple[Processor | None, ...]


def insert(
    session: Session, table: sa.Table, rows: Sequence[dict[str, Any]], *, is_ignoring: bool
) -> None:
    """Insert one row or more, all with the columns of the first; missing ones get the database's
    default. `is_ignoring` leaves out the rows that a UNIQUE constraint forbids."""
    connection = session.connection()
    names = tuple(rows[0])
    plan = _plan(table, names, connection.dialect, is_ignoring)
    columns = [
        _processed([row[name] for row in rows], processor)
        for name, processor in zip(names, plan.processors, strict=True)
    ]
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(plan.text, list(zip(*columns, strict=True)))
    else:
        connection.exec_driver_sql(plan.text, tuple(columns))


def _processed(values: list[Any], processor: Processor | None) -> list[Any]:
    """Many columns hold one value in all rows of a batch: it is made fit once. But not a sealed
    one: two equal texts must not look alike in the database."""
    if processor is None:
        return values
    if not isinstance(values[0], Private) and values.count(values[0]) == len(values):
        return [processor(values[0])] * len(values)
    return [processor(value) for value in values]


@lru_cache(maxsize=100)
def _plan(table: sa.Table, names: tuple[str, ...], dialect: Dialect, is_ignoring: bool) -> _Plan:
    columns = [table.c[name] for name in names]
    processors = tuple(
        column.type.dialect_impl(dialect).bind_processor(dialect) for column in columns
    )
    # Names of our own tables and columns, and no values.
    target = f"INSERT INTO {table.name} ({', '.join(names)})"
    tail = " ON CONFLICT DO NOTHING" if is_ignoring else ""
    if dialect.name == "sqlite":
        places = ", ".join("?" * len(names))
        return _Plan(f"{target} VALUES ({places}){tail}", processors)
    arrays = ", ".join(
        f"%s::{_without_length(column.type.compile(dialect))}[]" for column in columns
    )
    return _Plan(f"{target} SELECT * FROM unnest({arrays}){tail}", processors)  # noqa: S608 - our names only


def _without_length(name: str) -> str:
    """A cast to VARCHAR(9) would cut what is longer; the column itself refuses it."""
    return name.partition("(")[0]
