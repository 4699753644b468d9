"""Rows that hold one of many values, asked for in the way that each database takes fastest."""

from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlmodel import Session

from lobby.services.bulk_values import Kind, array_of, fitting

Among = Callable[[sa.Column[Any], str], sa.ColumnElement[bool]]


class BulkLookup:
    """A SELECT put together once for each database: on the hot route that costs more than to send
    it. `among(column, name)` in it stands for: the column holds one of the values called so."""

    def __init__(self, make: Callable[[Among], sa.Select[*tuple[Any, ...]]]) -> None:
        self._statements = {"sqlite": make(_in_list), "postgresql": make(_in_array)}

    def rows(self, session: Session, **values: Any) -> Iterable[Any]:
        """What there is, for values and lists of values by their names."""
        connection = session.connection()
        return connection.execute(self._statements[connection.dialect.name], values)


def _in_list(column: sa.Column[Any], name: str) -> sa.ColumnElement[bool]:
    return column.in_(sa.bindparam(name, expanding=True))


def _in_array(column: sa.Column[Any], name: str) -> sa.ColumnElement[bool]:
    values = sa.bindparam(name, type_=_Array(column.type))
    return column == sa.any_(sa.cast(values, postgresql.ARRAY(column.type)))


class _Array(sa.types.TypeDecorator[Any]):
    """A list as the literal of an array: one parameter, however long it is."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:
        return array_of(self.kind, fitting(self.kind, dialect)(value))
