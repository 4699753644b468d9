"""Bulk INSERT and UPDATE statements, and SELECT statements over long lists of values.

Each database gets rows in the form that it takes fastest: SQLite prepared statements with a block
of rows each, PostgreSQL one array per column. SQLAlchemy would look up types and name parameters
for every row; here this is done once per table and set of columns. A value that all rows share is
sent once.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.types import TypeEngine
from sqlmodel import Session

from models import Private
from models.encryption import PrivateText

# SQLite takes this many rows per statement. More are not faster, and a statement can have 32,766
# parameters at most.
ROWS_PER_BLOCK = 50
_SKIP_EXISTING = " ON CONFLICT DO NOTHING"
_TRY_LOCK = (
    "pg_try_advisory_xact_lock(('x' || encode(substring(new.{} FOR 8), 'hex'))::bit(64)::bigint)"
)
ColumnType = TypeEngine[Any]
ColumnEncoder = Callable[[Sequence[Any]], list[Any]]
"""Converts the values of one column to what the database driver takes."""
IsAnyOf = Callable[[sa.Column[Any], str], sa.ColumnElement[bool]]
"""Makes the condition that a column has one of the values of a named parameter."""


@dataclass(frozen=True, slots=True)
class _InsertPlan:
    """The statement for some columns of a table, and how their values are encoded.

    `row_statement` inserts one row, on PostgreSQL any number. `block_statement` inserts a block of
    rows; it is empty for PostgreSQL. The first `shared_count` columns have one value for all rows.
    """

    row_statement: str
    block_statement: str
    types: tuple[ColumnType, ...]
    encoders: tuple[ColumnEncoder, ...]
    shared_count: int


class BulkLookup:
    """A SELECT that is built once per database: on the hot route, building costs more than sending.

    `make` gets a function `is_any_of(column, name)`, which makes the condition that the column has
    one of the values that `rows` gets under that name. With `is_long` there can be thousands of
    values: PostgreSQL then joins them, because without an index scan it would compare each row with
    all of them, one after the other.
    """

    def __init__(
        self, make: Callable[[IsAnyOf], sa.Select[*tuple[Any, ...]]], *, is_long: bool = False
    ) -> None:
        in_array = _in_unnested if is_long else _in_array
        self._statements = {"sqlite": make(_in_list), "postgresql": make(in_array)}

    def rows(self, session: Session, **values: Any) -> Iterable[Any]:
        """Returns the rows for these parameters: single values, and lists for `is_any_of`."""
        connection = session.connection()
        return connection.execute(self._statements[connection.dialect.name], values)


class _ArrayParameter(sa.types.TypeDecorator[Any]):
    """A list of values, sent as one array literal: one parameter, however long the list is."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, item_type: ColumnType) -> None:
        super().__init__()
        self.item_type = item_type

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:
        return _array(self.item_type, _encoder(self.item_type, dialect)(value))


def insert(
    session: Session, table: sa.Table, rows: Sequence[Mapping[str, Any]], *, skip_existing: bool
) -> int:
    """Inserts rows, and returns how many.

    Needs at least one row. All rows have the columns of the first; other columns get the
    database's default. `skip_existing` skips rows that would violate a UNIQUE constraint.
    """
    varying = {name: [row[name] for row in rows] for name in rows[0]}
    return insert_columns(session, table, varying, {}, skip_existing=skip_existing)


def insert_columns(
    session: Session,
    table: sa.Table,
    varying: Mapping[str, Sequence[Any]],
    shared: Mapping[str, Any],
    *,
    skip_existing: bool,
    lock_by: str = "",
) -> int:
    """Inserts rows that are given by column, and returns how many.

    `varying` has a list of values per column, all of one length; `shared` has columns with one
    value for all rows. A Uuid may be given as its hex digits. `skip_existing` as in `insert`.
    With `lock_by`, the name of a varying column of bytes, it takes the lock of each row whose
    number is the first 64 bits of that column, and skips rows whose lock another session has
    (`services.database.engine.try_locks`).
    """
    end = _SKIP_EXISTING if skip_existing else ""
    if lock_by and session.connection().dialect.name == "postgresql":
        end = f" WHERE {_TRY_LOCK.format(lock_by)}{end}"
    return _insert(session, table, varying, shared, end)


def update_columns(
    session: Session,
    table: sa.Table,
    ids: Sequence[Any],
    varying: Mapping[str, Sequence[Any]],
    shared: Mapping[str, Any],
    *,
    condition: str = "",
) -> int:
    """Updates rows by their ids, and returns how many.

    `varying` and `shared` are as in `insert_columns`. `condition` is SQL without parameters that a
    row must still meet, such as "state = 'new'".
    """
    if not ids:
        return 0
    connection = session.connection()
    plan = _update_plan(table, tuple(shared), tuple(varying), connection.dialect, condition)
    columns = chain(([value] for value in shared.values()), varying.values(), [ids])
    encoded = [encode(values) for encode, values in zip(plan.encoders, columns, strict=True)]
    shared_values = [value for (value,) in encoded[: plan.shared_count]]
    rest = encoded[plan.shared_count :]
    if connection.dialect.name == "sqlite":
        rows = [(*shared_values, *row) for row in zip(*rest, strict=True)]
        return connection.exec_driver_sql(plan.row_statement, rows).rowcount
    arrays = map(_array, plan.types[plan.shared_count :], rest)
    return connection.exec_driver_sql(plan.row_statement, (*shared_values, *arrays)).rowcount


def increment(
    session: Session,
    table: sa.Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    key: tuple[str, ...],
    kept: tuple[str, ...] = (),
) -> None:
    """Inserts rows, or adds their numbers to existing rows with the same key.

    Columns in `kept` stay as they are in existing rows. Needs at least one row.
    """
    varying = {name: [row[name] for row in rows] for name in rows[0]}
    sums = ", ".join(
        f"{name} = {table.name}.{name} + excluded.{name}"
        for name in varying
        if name not in (*key, *kept)
    )
    _insert(session, table, varying, {}, f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {sums}")


def _insert(
    session: Session,
    table: sa.Table,
    varying: Mapping[str, Sequence[Any]],
    shared: Mapping[str, Any],
    end: str,
) -> int:
    connection = session.connection()
    varying, shared = _move_equal_columns(varying, shared)
    plan = _insert_plan(table, tuple(shared), tuple(varying), connection.dialect, end)
    columns = chain(([value] for value in shared.values()), varying.values())
    encoded = [encode(values) for encode, values in zip(plan.encoders, columns, strict=True)]
    shared_values = [value for (value,) in encoded[: plan.shared_count]]
    varying_columns = encoded[plan.shared_count :]
    if connection.dialect.name == "sqlite":
        return _insert_blocks(connection, plan, shared_values, varying_columns)
    arrays = map(_array, plan.types[plan.shared_count :], varying_columns)
    return connection.exec_driver_sql(plan.row_statement, (*shared_values, *arrays)).rowcount


def _move_equal_columns(
    varying: Mapping[str, Sequence[Any]], shared: Mapping[str, Any]
) -> tuple[Mapping[str, Sequence[Any]], Mapping[str, Any]]:
    """Moves columns with equal values in all rows of a large batch from `varying` to `shared`.

    Often all rows have the same petition, or no comment. Encrypted columns are never moved: two
    equal texts must not look alike in the database.
    """
    if len(next(iter(varying.values()))) < ROWS_PER_BLOCK:
        return varying, shared
    equal = {
        name: values[0]
        for name, values in varying.items()
        if not isinstance(values[0], Private) and values.count(values[0]) == len(values)
    }
    if len(equal) == len(varying):  # at least one column must give the number of rows
        return varying, shared
    rest = {name: values for name, values in varying.items() if name not in equal}
    return rest, {**shared, **equal}


@lru_cache(maxsize=100)
def _insert_plan(
    table: sa.Table,
    shared: tuple[str, ...],
    varying: tuple[str, ...],
    dialect: Dialect,
    end: str,
) -> _InsertPlan:
    names = (*shared, *varying)
    types = tuple(table.c[name].type for name in names)
    encoders = tuple(_encoder(column_type, dialect) for column_type in types)
    # The text has only names of our own tables and columns, never values.
    head = f"INSERT INTO {table.name} ({', '.join(names)})"
    if dialect.name == "sqlite":
        row, block = (
            _placeholders(len(shared), len(varying), count) for count in (1, ROWS_PER_BLOCK)
        )
        statements = f"{head} VALUES {row}{end}", f"{head} VALUES {block}{end}"
    else:
        type_names = [_type_name(column_type, dialect) for column_type in types]
        scalars = "".join(f"%s::{name}, " for name in type_names[: len(shared)])
        arrays = ", ".join(f"%s::{name}[]" for name in type_names[len(shared) :])
        new = f"unnest({arrays}) AS new({', '.join(varying)})"
        statements = f"{head} SELECT {scalars}new.* FROM {new}{end}", ""  # noqa: S608 - our names only
    return _InsertPlan(*statements, types, encoders, len(shared))


@lru_cache(maxsize=50)
def _update_plan(
    table: sa.Table,
    shared: tuple[str, ...],
    varying: tuple[str, ...],
    dialect: Dialect,
    condition: str,
) -> _InsertPlan:
    names = (*shared, *varying, "id")
    types = tuple(table.c[name].type for name in names)
    encoders = tuple(_encoder(column_type, dialect) for column_type in types)
    where = f" AND {condition}" if condition else ""
    # The text has only names of our own tables and columns, never values.
    if dialect.name == "sqlite":
        sets = ", ".join(f"{name} = ?" for name in names[:-1])
        statement = f"UPDATE {table.name} SET {sets} WHERE id = ?{where}"  # noqa: S608 - our names only
    else:
        type_names = [_type_name(column_type, dialect) for column_type in types]
        sets = ", ".join(
            [f"{name} = %s::{kind}" for name, kind in zip(shared, type_names, strict=False)]
            + [f"{name} = new.{name}" for name in varying]
        )
        arrays = ", ".join(f"%s::{name}[]" for name in type_names[len(shared) :])
        columns = ", ".join(f"{name}" for name in (*varying, "id"))
        statement = (
            f"UPDATE {table.name} SET {sets} FROM unnest({arrays}) AS new({columns}) "  # noqa: S608 - our names only
            f"WHERE {table.name}.id = new.id{where}"
        )
    return _InsertPlan(statement, "", types, encoders, len(shared))


def _placeholders(shared: int, varying: int, rows: int) -> str:
    """`(?1, ?2, ?3), (?1, ?4, ?5)`: all rows use the same parameter for a shared value."""
    shared_places = [f"?{number}" for number in range(1, shared + 1)]
    places = (f"?{number}" for number in range(shared + 1, shared + rows * varying + 1))
    return ", ".join(
        f"({', '.join([*shared_places, *(next(places) for _ in range(varying))])})"
        for _ in range(rows)
    )


def _insert_blocks(
    connection: Connection, plan: _InsertPlan, shared: list[Any], columns: list[list[Any]]
) -> int:
    """Inserts whole blocks first and the rest row by row: SQLite has a statement for each."""
    rows = list(zip(*columns, strict=True))
    in_blocks = len(rows) - len(rows) % ROWS_PER_BLOCK
    inserted = 0
    if in_blocks:
        blocks = [
            (*shared, *chain.from_iterable(rows[start : start + ROWS_PER_BLOCK]))
            for start in range(0, in_blocks, ROWS_PER_BLOCK)
        ]
        inserted += connection.exec_driver_sql(plan.block_statement, blocks).rowcount
    if rest := [(*shared, *row) for row in rows[in_blocks:]]:
        inserted += connection.exec_driver_sql(plan.row_statement, rest).rowcount
    return inserted


def _encoder(column_type: ColumnType, dialect: Dialect) -> ColumnEncoder:
    """Returns a function that encodes values as the column's own type would."""
    if isinstance(column_type, PrivateText):
        return column_type.seal_all
    if isinstance(column_type, sa.Uuid):
        return _hex_digits
    if isinstance(column_type, sa.LargeBinary):
        return list  # the driver takes bytes; SQLAlchemy would wrap each value
    encode_value = column_type.dialect_impl(dialect).bind_processor(dialect)
    return list if encode_value is None else partial(_encode_all, encode_value)


def _hex_digits(values: Sequence[Any]) -> list[Any]:
    return [value if value is None or isinstance(value, str) else value.hex for value in values]


def _encode_all(encode_value: Callable[[Any], Any], values: Sequence[Any]) -> list[Any]:
    # Many columns have one value in all rows of a batch: it is encoded once.
    if values.count(values[0]) == len(values):
        return [encode_value(values[0])] * len(values)
    return [encode_value(value) for value in values]


def _array(column_type: ColumnType, values: Sequence[Any]) -> Any:
    """Returns encoded values as an array parameter for PostgreSQL.

    Ids, bytes and texts become an array literal (PostgreSQL manual, 8.15.2), which the driver
    would build far more slowly. Other types are left to the driver.
    """
    if isinstance(column_type, sa.Uuid):
        return _array_literal("NULL" if value is None else value for value in values)
    if isinstance(column_type, PrivateText | sa.LargeBinary):
        return _array_literal(
            "NULL" if value is None else rf'"\\x{value.hex()}"' for value in values
        )
    if all(value is None or isinstance(value, str) for value in values) and _is_text(column_type):
        quoted = {value: _quoted(value) for value in set(values)}
        return _array_literal(map(quoted.__getitem__, values))
    return list(values)


def _is_text(column_type: ColumnType) -> bool:
    return isinstance(column_type, sa.String) or isinstance(
        getattr(column_type, "impl_instance", None), sa.String
    )


def _array_literal(items: Iterable[str]) -> str:
    return "{" + ",".join(items) + "}"


def _quoted(text: str | None) -> str:
    if text is None:
        return "NULL"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _type_name(column_type: ColumnType, dialect: Dialect) -> str:
    """Returns the name of PostgreSQL's type, without a length.

    A cast to VARCHAR(9) would cut longer values; without the length the column refuses them.
    """
    return column_type.compile(dialect).partition("(")[0]


def _in_list(column: sa.Column[Any], name: str) -> sa.ColumnElement[bool]:
    return column.in_(sa.bindparam(name, expanding=True))


def _in_array(column: sa.Column[Any], name: str) -> sa.ColumnElement[bool]:
    values = sa.bindparam(name, type_=_ArrayParameter(column.type))
    return column == sa.any_(sa.cast(values, postgresql.ARRAY(column.type)))


def _in_unnested(column: sa.Column[Any], name: str) -> sa.ColumnElement[bool]:
    values = sa.bindparam(name, type_=_ArrayParameter(column.type))
    return column.in_(sa.select(sa.func.unnest(sa.cast(values, postgresql.ARRAY(column.type)))))
