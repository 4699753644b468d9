"""Many values of one column, in the form that each database takes fastest.

What SQLAlchemy and the driver would find out for each value again is found out once a column.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from lobby.models.private import PrivateText

Fit = Callable[[Sequence[Any]], list[Any]]
Kind = TypeEngine[Any]


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
