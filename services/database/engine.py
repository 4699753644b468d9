"""Connections and transactions, on SQLite and PostgreSQL.

SQLite: one process, one writing connection, WAL, every commit on disk (`synchronous=FULL`). Readers
have connections of their own that cannot write and never checkpoint. A write begins IMMEDIATE, so
that a command run beside the server waits its turn instead of failing half-way.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from core.settings import ROOT
from services.database import bulk
from services.errors import Unavailable

# Any error of a query or its connection, for the layers that do not import SQLAlchemy.
DatabaseError = SQLAlchemyError
BUSY_TIMEOUT_MS = 30_000
READERS = 8
# Errors of a database that is busy or away. The request is not to blame for them.
UNAVAILABLE = (sa.exc.OperationalError, sa.exc.TimeoutError)
# Alembic's own table.
_VERSION = sa.table("alembic_version", sa.column("version_num"))
_TRY_LOCKS = "SELECT n, pg_try_advisory_xact_lock(n) FROM unnest(%s::bigint[]) AS n"


class Database:
    """One database of one process. `read` and `write` are the only ways to get a session."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        # Of what the public can read, as far as this process changed it: all, and all but counts.
        self._version = self._version_but_counts = 0
        if self.is_sqlite:
            folder = Path(url.removeprefix("sqlite:///")).parent
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._writer = _sqlite_engine(url, readonly=False)
            self._reader = _sqlite_engine(url, readonly=True)
        else:
            self._writer = sa.create_engine(
                url, pool_size=10, max_overflow=10, pool_pre_ping=True, hide_parameters=True
            )
            self._reader = self._writer

    @contextmanager
    def write(self, *, is_public: bool = True, is_count: bool = False) -> Iterator[Session]:
        """A session in one transaction: committed at the end, rolled back on an error.

        Without `is_public` nothing changes that the public can read, and prebuilt answers stay;
        with `is_count` nothing but counts, and those stay that have none.
        """
        with Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session
        if is_public:
            self._version += 1  # two at once may count as one: both make it another
            self._version_but_counts += not is_count

    def read_version(self) -> int:
        """Changes with every commit of this process that changes what the public can read."""
        return self._version

    def read_version_but_counts(self) -> int:
        """As `read_version`, but stays where only counts changed."""
        return self._version_but_counts

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one state of the database and never writes."""
        with Session(self._reader, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A bare writing connection in a transaction, for migrations."""
        with self._writer.begin() as connection:
            yield connection

    def close(self) -> None:
        """Give back every connection; the writer last, since it may checkpoint."""
        self._reader.dispose()
        self._writer.dispose()


def _sqlite_engine(url: str, *, readonly: bool) -> Engine:
    engine = sa.create_engine(
        url,
        pool_size=READERS if readonly else 1,
        max_overflow=0,
        pool_timeout=BUSY_TIMEOUT_MS / 1000,
        hide_parameters=True,  # an error in a log must not show whom it was about
        connect_args={"check_same_thread": False},
    )
    begin = "BEGIN" if readonly else "BEGIN IMMEDIATE"

    def connect(connection: Any, _record: object) -> None:
        # The driver's own BEGIN would come late and be deferred; ours is sent by `begin` below.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        if readonly:
            connection.execute("PRAGMA query_only = ON")
            connection.execute("PRAGMA wal_autocheckpoint = 0")
        else:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")

    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", connect)
    event.listen(engine, "begin", start)
    return engine


def insert_ignore(session: Session, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    """Insert the rows that no UNIQUE constraint forbids, and leave out the others.

    Values must be given for every column without a default of the database.
    """
    if rows:  # with an empty list SQLAlchemy would insert one row of defaults
        bulk.insert(session, table, rows, is_ignoring=True)


def insert(session: Session, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    """Insert rows, all with the same columns; nothing where there are none."""
    if rows:
        bulk.insert(session, table, rows, is_ignoring=False)


def upsert(
    session: Session, table: sa.Table, rows: list[dict[str, Any]], *, key: list[str]
) -> None:
    """Insert rows, or update every other column where `key` exists already."""
    if rows:
        statement = _insert(session, table)
        values = {name: statement.excluded[name] for name in rows[0] if name not in key}
        statement = (
            statement.on_conflict_do_update(index_elements=key, set_=values)
            if values
            else statement.on_conflict_do_nothing()
        )
        session.connection().execute(statement, rows)


def increment(
    session: Session, table: sa.Table, rows: Sequence[dict[str, Any]], *, key: list[str]
) -> None:
    """Add the numbers in each row to the row that has its `key`, making that row if needed.

    Give them in the order of their keys, so that two batches at once cannot wait for each other in
    a circle; no two may have one key.
    """
    if rows:
        bulk.increment(session, table, rows, key=tuple(key))


def try_locks(session: Session, numbers: Sequence[int]) -> set[int]:
    """Those of some 64-bit numbers that nobody else holds: ours until the transaction ends.

    SQLite has one writer at a time, who holds them all.
    """
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        return set(numbers)
    found = connection.exec_driver_sql(_TRY_LOCKS, (list(numbers),))
    return {number for number, is_ours in found if is_ours}


def _insert(session: Session, table: sa.Table) -> Any:
    """INSERT with ON CONFLICT, in the dialect of this session's database."""
    if session.connection().dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def migrate(database: Database, revision: str = "head") -> None:
    """Bring the schema to `revision`, up or down, in one transaction. Invalid where it is none."""
    # Only here: a server at head has no use for the library, which costs 10 MB and a tenth of a
    # second at each start.
    from services.database import migrations  # noqa: PLC0415 - see above

    with database.connection() as connection:
        migrations.run(connection, revision, current=_current_revision(connection))


def head_revision() -> str:
    """The newest migration that this code knows: they are numbered, and a test says so."""
    return max(file.name[:4] for file in (ROOT / "alembic" / "versions").glob("[0-9]*.py"))


def check_schema(database: Database) -> None:
    """Refuse to work on a schema of another version than this code's."""
    with database.read() as session:
        current = _current_revision(session.connection())
    if current != head_revision():
        raise Unavailable(
            "schema_not_at_head",
            f"The database is at version {current or 'none'}, this program needs "
            f"{head_revision()}: run `lobby migrate`.",
        )


def _current_revision(connection: Connection) -> str | None:
    if not sa.inspect(connection).has_table(_VERSION.name):
        return None
    found: str | None = connection.execute(sa.select(_VERSION.c.version_num)).scalar()
    return found


def check_writable(database: Database) -> None:
    """Refuse where nothing can be written: a replica, or a read-only disk."""
    with database.write() as session:
        if database.is_sqlite:
            session.connection()  # BEGIN IMMEDIATE takes the lock of the writer
        elif session.connection().exec_driver_sql("SHOW transaction_read_only").scalar() == "on":
            raise Unavailable("database_read_only", "The database takes no writes.")


def prepare(database: Database) -> None:
    """Give an empty database its schema; refuse one of another version."""
    with database.read() as session:
        current = _current_revision(session.connection())
    if current is None:
        migrate(database)
    check_schema(database)
