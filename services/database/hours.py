"""The hour of a time, in the SQL of both databases."""

from typing import Any

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
