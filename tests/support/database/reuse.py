"""PostgreSQL databases of tests: copies of a template, which later tests use again.

To copy and drop a database costs a test more than to put back the rows that the last one changed.
PostgreSQL counts the rows that are written in each table, so that only those tables are read. A
database whose schema or settings changed, or that somebody still has open, is dropped.
"""

import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import uuid4

import psycopg
from psycopg import errors, sql

LOOKS, PAUSE = 250, 0.002  # half a second in all
MOST_USES = 25  # removed rows stay in the files, and each search reads over them
_TABLES = (
    "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
)
_WRITTEN = """
    SELECT relname, relnamespace = 'public'::regnamespace,
        pg_stat_get_tuples_updated(oid) + pg_stat_get_tuples_deleted(oid) > 0
    FROM pg_class
    WHERE relkind IN ('r', 'p', 'm') AND NOT relisshared AND
        pg_stat_get_tuples_inserted(oid) + pg_stat_get_tuples_updated(oid)
        + pg_stat_get_tuples_deleted(oid) > 0
"""
_HAS_SETTINGS = """
    SELECT EXISTS (
        SELECT FROM pg_db_role_setting
        WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()))
"""
_SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public'"
_IS_OPEN = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = %s)"
Connection = psycopg.Connection[Any]
Sequences = dict[str, int | None]


@dataclass
class Template:
    """A database that is copied: its name, its rows in PostgreSQL's own text, and its sequences."""

    name: str
    rows: dict[str, bytes]
    sequences: Sequences
    transaction: str
    """The number of a transaction after all that wrote these rows."""


@dataclass
class _Copy:
    """A copy of a template. Rows of later transactions than `transaction` are a test's."""

    name: str
    template: Template
    transaction: str
    uses: int = 1


class Unfit(Exception):
    """A database differs from its template in more than rows."""


class PostgresDatabases:
    """The databases that one process of tests uses, one after the other."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._connection = psycopg.connect(server, autocommit=True)
        self._templates: dict[str, Template] = {}
        self._idle: dict[str, list[_Copy]] = defaultdict(list)
        self._lent: dict[str, _Copy] = {}
        self.copied = 0

    def url(self, name: str) -> str:
        return self._server.replace("/postgres?", f"/{name}?")

    def new(self, template: str, *, is_own: bool = False) -> str:
        """Returns the name of a database that equals a template.

        With `is_own` no test had it before. It goes back with `give_back`.
        """
        idle = self._idle[template]
        copy = idle.pop() if idle and not is_own else self._copy(template)
        self._lent[copy.name] = copy
        return copy.name

    def give_back(self, name: str) -> None:
        """Keeps a database for a later test if it can be made as it was, and drops it otherwise."""
        copy = self._lent.pop(name)
        try:
            if copy.uses >= MOST_USES:
                raise Unfit
            self._rename(copy)
            _restore(copy, self.url(copy.name))
        except (Unfit, errors.ObjectInUse):
            # By force, since some tests leave a connection behind when they kill a process.
            self._run("DROP DATABASE {} WITH (FORCE)", copy.name)
            return
        copy.uses += 1
        self._idle[copy.template.name].append(copy)

    def close(self) -> None:
        self._connection.close()

    def _copy(self, template: str) -> _Copy:
        if template not in self._templates:
            self._templates[template] = _read_template(template, self.url(template))
        name, found = _new_name(), self._templates[template]
        # Copying files takes half as long as writing each block to the log.
        self._run("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", name, template)
        self.copied += 1
        return _Copy(name, found, found.transaction)

    def _rename(self, copy: _Copy) -> None:
        """Gives a database another name: a thread or process that a test left can't come back.

        PostgreSQL renames no database that somebody has open.
        """
        if self._is_open(copy.name):
            raise Unfit
        name = _new_name()
        self._run("ALTER DATABASE {} RENAME TO {}", copy.name, name)
        copy.name = name

    def _is_open(self, name: str) -> bool:
        """Looks several times: a server's process outlives its closed connection by a moment."""
        for _ in range(LOOKS):
            if not _value(self._connection, _IS_OPEN, name):
                return False
            time.sleep(PAUSE)
        return True

    def _run(self, statement: str, *names: str) -> None:
        self._connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _new_name() -> str:
    return f"test_{uuid4().hex}"


def _read_template(name: str, url: str) -> Template:
    with psycopg.connect(url) as connection:
        tables = [table for (table,) in connection.execute(_TABLES)]
        rows = {table: _read_rows(connection, table) for table in tables}
        return Template(name, rows, _sequences(connection), _transaction(connection))


def _read_rows(connection: Connection, table: str) -> bytes:
    statement = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))
    with connection.cursor().copy(statement) as stream:
        return b"".join(bytes(block) for block in stream)


def _restore(copy: _Copy, url: str) -> None:
    """Makes the rows and sequences of a database those of its template.

    :raises Unfit: more than these has changed
    """
    with psycopg.connect(url) as connection:
        written = _written_tables(connection)
        if written:
            # Foreign keys are met again at the end.
            connection.execute("SET LOCAL session_replication_role = replica")
        for table, has_lost_rows in written.items():
            _restore_rows(connection, table, copy, has_lost_rows=has_lost_rows)
        _restore_sequences(connection, copy.template.sequences)
        if written:
            copy.transaction = _transaction(connection)
            connection.commit()
            _reset_counters(connection)


def _reset_counters(connection: Connection) -> None:
    # The counters of our own writes arrive before the next statement, which resets all.
    connection.execute("SELECT pg_stat_force_next_flush()")
    connection.commit()
    connection.execute("SELECT pg_stat_reset()")


def _written_tables(connection: Connection) -> dict[str, bool]:
    """Returns the tables that were written since the reset, and whether rows may be lost there."""
    written = connection.execute(_WRITTEN).fetchall()
    if _value(connection, _HAS_SETTINGS) or not all(is_ours for _, is_ours, _ in written):
        raise Unfit
    return {table: has_lost_rows for table, _, has_lost_rows in written}


def _restore_rows(connection: Connection, table: str, copy: _Copy, *, has_lost_rows: bool) -> None:
    rows, name = copy.template.rows[table], sql.Identifier(table)
    if has_lost_rows:
        connection.execute(sql.SQL("DELETE FROM {}").format(name))
        with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(name)) as stream:
            stream.write(rows)
    else:
        newer = sql.SQL("DELETE FROM {} WHERE age(xmin) < age({}::xid)")
        connection.execute(newer.format(name, copy.transaction))


def _sequences(connection: Connection) -> Sequences:
    return dict(connection.execute(_SEQUENCES).fetchall())


def _restore_sequences(connection: Connection, wanted: Sequences) -> None:
    for name, value in _sequences(connection).items():
        if value != wanted[name]:
            # NULL is a sequence that gave no number yet.
            old = wanted[name]
            connection.execute(
                "SELECT setval(%s::regclass, %s, %s)", [name, old or 1, old is not None]
            )


def _transaction(connection: Connection) -> str:
    return str(_value(connection, "SELECT pg_current_xact_id()::xid::text"))


def _value(connection: Connection, statement: LiteralString, *parameters: str) -> Any:
    (value,) = connection.execute(statement, parameters).fetchone() or (None,)
    return value
