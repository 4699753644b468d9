"""All columns with sealed values, as their raw bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, SQLModel

import models  # noqa: F401 - registers every table
from models.encryption import PrivateText


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column with sealed values. `name` is that of its table and its own."""

    column: sa.Column[Any]
    purpose: str

    @property
    def name(self) -> str:
        """Returns a name such as `signature.comment`."""
        return f"{self.column.table.name}.{self.column.name}"

    @property
    def raw(self) -> sa.ColumnElement[bytes]:
        """Returns the column as bytes, so that a value that does not open spoils no statement."""
        return sa.type_coerce(self.column, sa.LargeBinary)

    @property
    def version(self) -> sa.ColumnElement[bytes]:
        """Returns the first byte of the values."""
        return sa.func.substr(self.raw, 1, 1, type_=sa.LargeBinary)

    @property
    def key(self) -> sa.Column[Any]:
        """Returns the primary key of its table, which is one column."""
        (key,) = self.column.table.primary_key
        return key


SEALED = tuple(
    SealedColumn(column, column.type.purpose)
    for table in SQLModel.metadata.sorted_tables
    for column in table.columns
    if isinstance(column.type, PrivateText)
)


def by_table() -> list[list[SealedColumn]]:
    """Returns the sealed columns of each table that has some."""
    tables: dict[str, list[SealedColumn]] = {}
    for sealed in SEALED:
        tables.setdefault(sealed.column.table.name, []).append(sealed)
    return list(tables.values())


def existing(session: Session) -> list[SealedColumn]:
    """Returns those of the sealed columns that the database has; an older schema has fewer."""
    inspector = sa.inspect(session.connection())
    tables = set(inspector.get_table_names())
    columns = {
        f"{table}.{column['name']}"
        for table in {sealed.column.table.name for sealed in SEALED} & tables
        for column in inspector.get_columns(table)
    }
    return [sealed for sealed in SEALED if sealed.name in columns]


def ends(session: Session, sealed: SealedColumn, count: int) -> tuple[list[bytes], list[bytes]]:
    """Returns the first and the last values of a column, in the order of its primary key."""
    statement = sa.select(sealed.raw).where(sealed.column.is_not(None))
    first, last = (
        list(map(bytes, islice(session.connection().execute(ordered).scalars(), count)))
        for ordered in (
            statement.order_by(sealed.key).limit(count),
            statement.order_by(sealed.key.desc()).limit(count),
        )
    )
    return first, last


def count_by_version(session: Session, columns: Sequence[SealedColumn]) -> dict[int, int]:
    """Returns how many values have which version. Reads all rows."""
    counts: dict[int, int] = {}
    for sealed in columns:
        version = sealed.version.label("version")
        statement = (
            sa.select(version, sa.func.count()).where(sealed.column.is_not(None)).group_by(version)
        )
        for first, count in session.connection().execute(statement):
            number = first[0] if first else 0
            counts[number] = counts.get(number, 0) + count
    return counts
