"""Many rows into one table in one statement, in the way that each database takes fastest.

SQLite gets prepared values, a block of rows at a time; PostgreSQL one array a column. What
SQLAlchemy would do for each row again (looking up types, naming parameters) is done once a table,
and a value that all rows share is sent once.

Many values of one column, in the form that each database takes fastest.

What SQLAlchemy and the driver would find out for each value again is found out once a column.

Rows that hold one of many values, asked for in the way that each database takes fastest.
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

# Rows that SQLite takes at a time: more gain nothing, and a statement has 32,766 places at most.
BLOCK = 50
IGNORING = " ON CONFLICT DO NOTHING"
Fit = Callable[[Sequence[Any]], list[Any]]
Kind = TypeEngine[Any]
Among = Callable[[sa.Column[Any], str], sa.ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class _InsertPlan:
    """The statement for some columns of a table, and what makes each value fit to be sent. `block`
    is the same statement for a whole block of rows; PostgreSQL has none."""

    text: str
    block: str
    kinds: tuple[Kind, ...]
    fits: tuple[Fit, ...]
    shared: int


class BulkLookup:
    """A SELECT put together once for each database: on the hot route that costs more than to send
    it. `among(column, name)` in it stands for: the column holds one of the values called so."""

    def __init__(self, make: Callable[[Among], sa.Select[*tuple[Any, ...]]]) -> None:
        self._statements = {"sqlite": make(_in_list), "postgresql": make(_in_array)}

    def rows(self, session: Session, **values: Any) -> Iterable[Any]:
        """What there is, for values and lists of values by their names."""
        connection = session.connection()
        return connection.execute(self._statements[connection.dialect.name], values)


class _Array(sa.types.TypeDecorator[Any]):
    """A list as the literal of an array: one parameter, however long it is."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:
        return array_of(self.kind, fitting(self.kind, dialect)(value))


def insert(
    session: Session, table: sa.Table, rows: Sequence[Mapping[str, Any]], *, is_ignoring: bool
) -> int:
    """Insert one row or more, all with the columns of the first; missing ones get the database's
    default. `is_ignoring` leaves out the rows that a UNIQUE constraint forbids. How many it did
    insert."""
    varying = {name: [row[name] for row in rows] for name in rows[0]}
    return insert_columns(session, table, varying, {}, is_ignoring=is_ignoring)


def insert_columns(
    session: Session,
    table: sa.Table,
    varying: Mapping[str, Sequence[Any]],
    shared: Mapping[str, Any],
    *,
    is_ignoring: bool,
) -> int:
    """As `insert`, by columns: each a list as long as the others, or one value that all rows
    share. A Uuid may be given as its hex digits."""
    return _send(session, table, varying, shared, IGNORING if is_ignoring else "")


def increment(
    session: Session,
    table: sa.Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    key: tuple[str, ...],
) -> None:
    """Insert one row or more, or add their numbers to those that are there under the same key."""
    varying = {name: [row[name] for row in rows] for name in rows[0]}
    sums = ", ".join(
        f"{name} = {table.name}.{name} + excluded.{name}" for name in varying if name not in key
    )
    _send(session, table, varying, {}, f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {sums}")


def _send(
    session: Session,
    table: sa.Table,
    varying: Mapping[str, Sequence[Any]],
    shared: Mapping[str, Any],
    tail: str,
) -> int:
    connection = session.connection()
    varying, shared = _divided(varying, shared)
    plan = _plan(table, tuple(shared), tuple(varying), connection.dialect, tail)
    values = chain(([value] for value in shared.values()), varying.values())
    fit = [fits(each) for fits, each in zip(plan.fits, values, strict=True)]
    once, columns = [value for (value,) in fit[: plan.shared]], fit[plan.shared :]
    if connection.dialect.name == "sqlite":
        return _send_blocks(connection, plan, once, columns)
    arrays = map(array_of, plan.kinds[plan.shared :], columns)
    return connection.exec_driver_sql(plan.text, (*once, *arrays)).rowcount


def _divided(
    varying: Mapping[str, Sequence[Any]], shared: Mapping[str, Any]
) -> tuple[Mapping[str, Sequence[Any]], Mapping[str, Any]]:
    """In a large batch columns turn out to be shared: all from one petition, and none with a
    comment. But never sealed ones: two equal texts must not look alike in the database."""
    if len(next(iter(varying.values()))) < BLOCK:
        return varying, shared
    alike = {
        name: values[0]
        for name, values in varying.items()
        if not isinstance(values[0], Private) and values.count(values[0]) == len(values)
    }
    if len(alike) == len(varying):  # rows need a column to be counted by
        return varying, shared
    rest = {name: values for name, values in varying.items() if name not in alike}
    return rest, {**shared, **alike}


def _send_blocks(
    connection: Connection, plan: _InsertPlan, once: list[Any], columns: list[list[Any]]
) -> int:
    """Whole blocks first, then the rest row by row: that is what SQLite has statements for."""
    rows = list(zip(*columns, strict=True))
    whole = len(rows) - len(rows) % BLOCK
    sent = 0
    if whole:
        blocks = [
            (*once, *chain.from_iterable(rows[start : start + BLOCK]))
            for start in range(0, whole, BLOCK)
        ]
        sent += connection.exec_driver_sql(plan.block, blocks).rowcount
    if rest := [(*once, *row) for row in rows[whole:]]:
        sent += connection.exec_driver_sql(plan.text, rest).rowcount
    return sent


@lru_cache(maxsize=100)
def _plan(
    table: sa.Table,
    shared: tuple[str, ...],
    varying: tuple[str, ...],
    dialect: Dialect,
    tail: str,
) -> _InsertPlan:
    names = (*shared, *varying)
    kinds = tuple(table.c[name].type for name in names)
    fits = tuple(fitting(kind, dialect) for kind in kinds)
    # Names of our own tables and columns, and no values.
    head = f"INSERT INTO {table.name} ({', '.join(names)})"
    if dialect.name == "sqlite":
        row, block = (_places(len(shared), len(varying), count) for count in (1, BLOCK))
        texts = f"{head} VALUES {row}{tail}", f"{head} VALUES {block}{tail}"
    else:
        once = "".join(f"%s::{scalar_type(kind, dialect)}, " for kind in kinds[: len(shared)])
        arrays = ", ".join(f"%s::{array_type(kind, dialect)}" for kind in kinds[len(shared) :])
        texts = f"{head} SELECT {once}new.* FROM unnest({arrays}) AS new{tail}", ""  # noqa: S608 - our names only
    return _InsertPlan(*texts, kinds, fits, len(shared))


def _places(shared: int, varying: int, rows: int) -> str:
    """`(?1, ?2, ?3), (?1, ?4, ?5)`: the shared value has one place in all rows."""
    once = [f"?{place}" for place in range(1, shared + 1)]
    places = (f"?{place}" for place in range(shared + 1, shared + rows * varying + 1))
    return ", ".join(
        f"({', '.join([*once, *(next(places) for _ in range(varying))])})" for _ in range(rows)
    )


def fitting(kind: Kind, dialect: Dialect) -> Fit:
    """What makes the values of a column fit to be sent, as the column's own type would."""
    if isinstance(kind, PrivateText):
        return kind.seal_all
    if isinstance(kind, sa.Uuid):
        return _hex_digits
    if isinstance(kind, sa.LargeBinary):
        return list  # the driver takes bytes; SQLAlchemy would wrap each
    process = kind.dialect_impl(dialect).bind_processor(dialect)
    return list if process is None else partial(_processed, process)


def array_of(kind: Kind, values: Sequence[Any]) -> Any:
    """Values that are fit, as one array for PostgreSQL: of ids, bytes and texts the literal (its
    manual, 8.15.2), which the driver would put together far more slowly; other kinds are left to
    the driver."""
    if isinstance(kind, sa.Uuid):
        return _literal("NULL" if value is None else value for value in values)
    if isinstance(kind, PrivateText | sa.LargeBinary):
        return _literal("NULL" if value is None else rf'"\\x{value.hex()}"' for value in values)
    if all(value is None or isinstance(value, str) for value in values) and _is_text(kind):
        quoted = {value: _quoted(value) for value in set(values)}
        return _literal(map(quoted.__getitem__, values))
    return list(values)


def array_type(kind: Kind, dialect: Dialect) -> str:
    """The name of PostgreSQL's type for such an array."""
    return f"{scalar_type(kind, dialect)}[]"


def scalar_type(kind: Kind, dialect: Dialect) -> str:
    """The name of PostgreSQL's type, without a length: a cast to VARCHAR(9) would cut what is
    longer; the column itself refuses it."""
    return kind.compile(dialect).partition("(")[0]


def _processed(process: Callable[[Any], Any], values: Sequence[Any]) -> list[Any]:
    """Many columns hold one value in all rows of a batch: it is made fit once."""
    if values.count(values[0]) == len(values):
        return [process(values[0])] * len(values)
    return [process(value) for value in values]


def _hex_digits(values: Sequence[Any]) -> list[Any]:
    return [value if value is None or isinstance(value, str) else value.hex for value in values]


def _is_text(kind: Kind) -> bool:
    return isinstance(kind, sa.String) or isinstance(
        getattr(kind, "impl_instance", None), sa.String
    )


def _literal(items: Any) -> str:
    return "{" + ",".join(items) + "}"


def _quoted(text: str | None) -> str:
    if text is None:
        return "NULL"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _in_list(column: sa.Column[Any], name: str) -> sa.ColumnElement[bool]:
    return column.in_(sa.bindparam(name, expanding=True))


def _in_array(column: sa.Column[Any], name: str) -> sa.ColumnElement[bool]:
    values = sa.bindparam(name, type_=_Array(column.type))
    return column == sa.any_(sa.cast(values, postgresql.ARRAY(column.type)))
