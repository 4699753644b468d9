"""Backup and restore of the embedded database. PostgreSQL has tools of its own."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from core.settings import Settings
from services.errors import Conflict, Invalid


def backup(settings: Settings, target: Path) -> None:
    """Copies the database to `target`, consistently, also while it is in use.

    :raises Conflict: the file exists already
    :raises Invalid: the database is PostgreSQL
    """
    source = _database_file(settings)
    if target.exists():
        raise Conflict("file_exists", f"{target.name} exists already.")
    part = _partial_file(target)
    part.unlink(missing_ok=True)
    with closing(sqlite3.connect(source)) as connection:
        connection.execute("VACUUM INTO ?", (str(part),))
    part.chmod(0o600)
    _sync(part)
    part.rename(target)


def restore(settings: Settings, source: Path) -> None:
    """Replaces the database with a copy.

    :raises Conflict: a server has the database open
    :raises Invalid: the file is missing or not a complete copy, or the database is PostgreSQL
    """
    target = _database_file(settings)
    if not source.is_file():
        raise Invalid("file_missing", f"There is no file {source.name}.")
    part = _partial_file(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(source.read_bytes())
    _check_is_backup(part, source.name)
    try:
        _check_is_idle(target)
    except Conflict:
        part.unlink()
        raise
    for journal in ("-wal", "-shm"):
        target.with_name(target.name + journal).unlink(missing_ok=True)
    _sync(part)
    part.replace(target)


def _database_file(settings: Settings) -> Path:
    if not settings.is_sqlite:
        message = "This is for the embedded database: use pg_dump and pg_restore for PostgreSQL."
        raise Invalid("not_embedded", message)
    return Path(settings.database_url.removeprefix("sqlite:///"))


def _partial_file(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def _check_is_backup(file: Path, name: str) -> None:
    try:
        with closing(sqlite3.connect(file)) as connection:
            is_intact = connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.DatabaseError:
        is_intact = False
    if not is_intact:
        file.unlink()
        raise Invalid("not_a_backup", f"{name} is not a whole copy of a lobby's database.")


def _check_is_idle(file: Path) -> None:
    if not file.exists():
        return
    # SQLite leaves the WAL mode only if there is no other connection.
    with closing(sqlite3.connect(file, timeout=0.2)) as connection:
        try:
            mode = connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
        except sqlite3.OperationalError:
            mode = "busy"
        except sqlite3.DatabaseError:
            mode = "delete"  # damaged, which is a reason to restore
    if mode != "delete":
        raise Conflict("database_in_use", "The database is in use: stop the server first.")


def _sync(file: Path) -> None:
    with file.open("rb+") as stream:
        os.fsync(stream.fileno())
