"""The hour and the day of a time, in the SQL of both databases."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

from models.base import UtcDateTime


class HourOf(GenericFunction[Any]):
    """The beginning of the hour (UTC) of a column of times."""

    type = UtcDateTime()
    inherit_cache = True


@compiles(HourOf)
def _of_postgres(element: HourOf, compiler: SQLCompiler, **options: Any) -> str:
    return f"date_trunc('hour', {compiler.process(element.clauses, **options)}, 'UTC')"


@compiles(HourOf, "sqlite")
def _of_sqlite(element: HourOf, compiler: SQLCompiler, **options: Any) -> str:
    # As the driver writes a time, because SQLite compares texts.
    column = compiler.process(element.clauses, **options)
    return f"strftime('%Y-%m-%d %H:00:00.000000', {column})"


class UtcDay(GenericFunction[Any]):
    """The day (UTC) of a column of times."""

    type = sa.Date()
    inherit_cache = True


@compiles(UtcDay)
def _day_of_postgres(element: UtcDay, compiler: SQLCompiler, **options: Any) -> str:
    return f"({compiler.process(element.clauses, **options)} AT TIME ZONE 'UTC')::date"


@compiles(UtcDay, "sqlite")
def _day_of_sqlite(element: UtcDay, compiler: SQLCompiler, **options: Any) -> str:
    return f"substr({compiler.process(element.clauses, **options)}, 1, 10)"


class UtcHour(GenericFunction[Any]):
    """The hour of the day (UTC), from 0 to 23, of a column of times."""

    type = sa.Integer()
    inherit_cache = True


@compiles(UtcHour)
def _hour_of_postgres(element: UtcHour, compiler: SQLCompiler, **options: Any) -> str:
    return f"extract(hour FROM {compiler.process(element.clauses, **options)} AT TIME ZONE 'UTC')"


@compiles(UtcHour, "sqlite")
def _hour_of_sqlite(element: UtcHour, compiler: SQLCompiler, **options: Any) -> str:
    return f"CAST(substr({compiler.process(element.clauses, **options)}, 12, 2) AS INTEGER)"
