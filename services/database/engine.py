"""Connections, transactions and the schema's version, on SQLite and PostgreSQL.

SQLite has one writing connection per process, in WAL mode, and writes every commit to disk
(`synchronous=FULL`). Writers get it in the order in which they ask. Readers have separate
connections that cannot write and never checkpoint. A write begins with BEGIN IMMEDIATE, so that a
command that runs beside the server waits for its turn instead of failing half-way.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from core.settings import ROOT
from services.database import bulk, embedded
from services.database.turns import PoolWithTurns
from services.errors import Unavailable

# Any error of a query or its connection, for the layers that do not import SQLAlchemy.
DatabaseError = SQLAlchemyError
# Those of a database that is busy or away. The request is not to blame for them.
UNAVAILABLE = (sa.exc.OperationalError, sa.exc.TimeoutError)
BUSY_TIMEOUT_MS = 30_000
READERS = 8
KEPT = "kept"
"""The key of `Session.info` with what reading sessions of a process keep for later ones."""
_ALEMBIC_VERSION = sa.table("alembic_version", sa.column("version_num"))
_TRY_LOCKS = "SELECT n, pg_try_advisory_xact_lock(n) FROM unnest(%s::bigint[]) AS n"


class PoolUse(NamedTuple):
    """How many connections of a pool are in use, and how many there may be."""

    in_use: int
    limit: int


class Database:
    """The connections of one process to its database.

    `read` and `write` are the only ways to get a session.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        # Versions of public data, as far as this process changes it: of all public data, and of
        # all but counts.
        self._version = self._version_but_counts = 0
        self._kept: dict[str, Any] = {}
        if self.is_sqlite:
            # SQLite gives its journals the mode of the database, which must have it first.
            embedded.make_private(url)
            self._writer = _sqlite_engine(url, readonly=False)
            self._reader = _sqlite_engine(url, readonly=True)
        else:
            self._writer = sa.create_engine(
                url, pool_size=10, max_overflow=10, pool_pre_ping=True, hide_parameters=True
            )
            self._reader = self._writer

    @contextmanager
    def write(self, *, is_public: bool = True, is_count: bool = False) -> Iterator[Session]:
        """Opens a session in one transaction: committed at the end, rolled back on an error.

        SQLite lends its one writing connection from the first statement to the end, in the order
        of asking. A thread must not write to two sessions at once.

        The flags say which cached responses the transaction makes stale: with `is_public=False`
        none, because no public data changes; with `is_count=True` those with counts, because no
        other public data changes.

        :raises TimeoutError: SQLAlchemy's; no connection was free within `BUSY_TIMEOUT_MS`
        :raises RuntimeError: on SQLite, this thread or request is writing already
        """
        with Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session
        if is_public:
            # Two concurrent increments may count once: the version changes all the same.
            self._version += 1
            self._version_but_counts += not is_count

    def forget(self) -> None:
        """Drops what reading sessions keep for later ones."""
        self._kept.clear()

    def read_version(self) -> int:
        """Returns a number that changes whenever this process commits a change of public data."""
        return self._version

    def read_version_but_counts(self) -> int:
        """Returns a number as `read_version` does, which does not change if only counts do."""
        return self._version_but_counts

    def writers_waiting(self) -> int:
        """Returns how many threads of this process wait to write; 0 on PostgreSQL."""
        pool = self._writer.pool
        return pool.waiting() if isinstance(pool, PoolWithTurns) else 0

    def pools(self) -> dict[str, PoolUse]:
        """Returns the use of each pool of connections. PostgreSQL has one for both purposes."""
        if self.is_sqlite:
            return {"reader": _use_of(self._reader), "writer": _use_of(self._writer)}
        return {"all": _use_of(self._writer)}

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Opens a session that sees one state of the database and must not write."""
        with Session(self._reader, expire_on_commit=False, info={KEPT: self._kept}) as session:
            yield session

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Opens a writing connection in a transaction, for migrations."""
        with self._writer.begin() as connection:
            yield connection

    def close(self) -> None:
        """Closes all connections."""
        self._reader.dispose()
        self._writer.dispose()  # last, because it may checkpoint


def _use_of(engine: Engine) -> PoolUse:
    pool = engine.pool
    assert isinstance(pool, sa.QueuePool)  # noqa: S101 - both kinds of engine have one
    return PoolUse(pool.checkedout(), pool.size() + max(pool._max_overflow, 0))


def _sqlite_engine(url: str, *, readonly: bool) -> Engine:
    engine = sa.create_engine(
        url,
        poolclass=sa.QueuePool if readonly else PoolWithTurns,
        pool_size=READERS if readonly else 1,
        max_overflow=0,
        pool_timeout=BUSY_TIMEOUT_MS / 1000,
        hide_parameters=True,  # an error in a log must not show personal data
        connect_args={"check_same_thread": False},
    )

    def on_connect(connection: Any, _record: object) -> None:
        # The driver would send BEGIN late and deferred. `on_begin` sends it instead.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        if readonly:
            connection.execute("PRAGMA query_only = ON")
            connection.execute("PRAGMA wal_autocheckpoint = 0")
        else:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")

    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if readonly else "BEGIN IMMEDIATE")

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)
    return engine


def fetch_in_binary(session: Session) -> None:
    """Makes PostgreSQL send sealed values as they are, and not in hexadecimal digits, which costs a
    tenth of an export. It holds for this session's transaction; SQLite always does it.

    Its statements must select texts and bytes alone.
    """
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        event.listen(connection, "before_cursor_execute", _set_binary)


def _set_binary(_connection: Connection, cursor: Any, *_others: object) -> None:
    from psycopg.pq import Format  # noqa: PLC0415 - SQLite does without the driver

    cursor.format = Format.BINARY


def insert_ignore(session: Session, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    """Inserts rows, and skips those that would violate a UNIQUE constraint.

    Every column without a default in the database needs a value.
    """
    if rows:  # with an empty list SQLAlchemy would insert one row of defaults
        bulk.insert(session, table, rows, skip_existing=True)


def insert(session: Session, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    """Inserts rows, if there are any. All have the same columns."""
    if rows:
        bulk.insert(session, table, rows, skip_existing=False)


def upsert(
    session: Session, table: sa.Table, rows: list[dict[str, Any]], *, key: list[str]
) -> None:
    """Inserts rows, or updates all other columns of existing rows with the same `key`."""
    if rows:
        statement = _insert_statement(session, table)
        values = {name: statement.excluded[name] for name in rows[0] if name not in key}
        statement = (
            statement.on_conflict_do_update(index_elements=key, set_=values)
            if values
            else statement.on_conflict_do_nothing()
        )
        session.connection().execute(statement, rows)


def increment(
    session: Session,
    table: sa.Table,
    rows: Sequence[dict[str, Any]],
    *,
    key: list[str],
    kept: tuple[str, ...] = (),
) -> None:
    """Adds the numbers of each row to the stored row with the same `key`, or inserts the row.

    Columns in `kept` are no numbers: they are inserted with a new row, and never changed.
    The rows must be sorted by key, so that two concurrent batches cannot deadlock. No two rows may
    have the same key.
    """
    if rows:
        bulk.increment(session, table, rows, key=tuple(key), kept=kept)


def try_locks(session: Session, numbers: Sequence[int]) -> set[int]:
    """Takes the locks that are free, and returns their 64-bit numbers.

    They are held until the transaction ends. SQLite has one writer at a time, so all are free.
    """
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        return set(numbers)
    rows = connection.exec_driver_sql(_TRY_LOCKS, (list(numbers),))
    return {number for number, is_taken in rows if is_taken}


def wait_for_lock(session: Session, number: int) -> None:
    """Takes a lock as `try_locks` does, and waits for it."""
    connection = session.connection()
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s::bigint)", (number,))


def _insert_statement(session: Session, table: sa.Table) -> Any:
    # SQLAlchemy has ON CONFLICT only in the INSERT of each dialect.
    if session.connection().dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def migrate(database: Database, revision: str = "head") -> None:
    """Migrates the schema to `revision`, up or down, in one transaction.

    :raises Invalid: there is no such revision
    :raises Conflict: the database holds what the older schema has no place for
    """
    # Imported here because a server at head does not need Alembic, which costs 10 MB and a tenth
    # of a second at each start.
    from services.database import migrations  # noqa: PLC0415 - see above

    with database.connection() as connection:
        migrations.run(connection, revision, current=_current_revision(connection))


def current_revision(database: Database) -> str | None:
    """Returns the revision of the schema; None in an empty database."""
    with database.read() as session:
        return _current_revision(session.connection())


def head_revision() -> str:
    """Returns the newest revision that this code has. A test makes sure that they are numbered."""
    return max(revisions())


def revisions() -> set[str]:
    """Returns the revisions that this code has."""
    return {file.name[:4] for file in (ROOT / "alembic" / "versions").glob("[0-9]*.py")}


def check_schema(database: Database) -> None:
    """Checks that the schema has the version that this code needs.

    :raises Unavailable: it has another version
    """
    current, head = current_revision(database), head_revision()
    if current == head:
        return
    # Migrations are numbered, so a greater number is one that this program does not know.
    is_newer = current is not None and current > head
    mend = "install a newer version of the program" if is_newer else "run `lobby migrate`"
    text = f"The database is at version {current or 'none'}, this program needs {head}: {mend}."
    raise Unavailable("schema_not_at_head", text)


def check_writable(database: Database) -> None:
    """Checks that the database accepts writes.

    :raises Unavailable: PostgreSQL is read-only, as a replica is
    :raises OperationalError: SQLAlchemy's, for example on a read-only disk
    """
    with database.write() as session:
        if database.is_sqlite:
            session.connection()  # BEGIN IMMEDIATE takes the write lock
        elif session.connection().exec_driver_sql("SHOW transaction_read_only").scalar() == "on":
            raise Unavailable("database_read_only", "The database takes no writes.")


def prepare(database: Database) -> None:
    """Creates the schema in an empty database, and checks the version of an existing one.

    :raises Unavailable: the schema has another version
    """
    if current_revision(database) is None:
        migrate(database)
    check_schema(database)


def _current_revision(connection: Connection) -> str | None:
    if not sa.inspect(connection).has_table(_ALEMBIC_VERSION.name):
        return None
    revision: str | None = connection.execute(sa.select(_ALEMBIC_VERSION.c.version_num)).scalar()
    return revision
