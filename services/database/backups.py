"""Backup and restore of the embedded database's file. PostgreSQL has tools of its own.

All files are made with mode 600. `services.operations.restoring` has the whole of a restore.
"""

import os
import shutil
import sqlite3
import tempfile
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from core import private_files
from core.settings import Settings
from services.database import embedded
from services.errors import Conflict, Invalid

_PART = ".part"
_JOURNALS = ("-wal", "-shm", "-journal")


def backup(settings: Settings, target: Path) -> None:
    """Copies the database to `target`, consistently, also while it is in use.

    :raises Conflict: the file exists already
    :raises Invalid: the database is PostgreSQL
    """
    source = database_file(settings)
    if target.exists():
        raise _exists(target)
    part = _new_part(target.parent, f".{target.name}.")
    try:
        with closing(sqlite3.connect(source)) as connection:
            connection.execute("VACUUM INTO ?", (str(part),))  # takes an empty file
        _sync(part)
        _name_new(part, target)
        _sync_folder(target.parent)
    finally:
        part.unlink(missing_ok=True)


def database_file(settings: Settings) -> Path:
    """Returns the file of the embedded database.

    :raises Invalid: the database is PostgreSQL
    """
    file = embedded.file_of(settings.database_url)
    if file is None:
        message = "This is for the embedded database: use pg_dump and pg_restore for PostgreSQL."
        raise Invalid("not_embedded", message)
    return file


def stage(source: Path, target: Path) -> Path:
    """Copies a backup beside the database that it will replace, checks it, and returns the copy.

    The caller holds the locks of server and worker. Copies that killed restores have left are
    removed.

    :raises Invalid: the file is missing, the database itself, in use, or not a whole backup
    """
    _check_source(source, target)
    private_files.make_folder(target.parent)
    for file in list(target.parent.iterdir()):
        if file.name.startswith(f".{target.name}.restore.") and file.suffix == _PART:
            discard(file)
    part = _new_part(target.parent, f".{target.name}.restore.")
    try:
        with source.open("rb") as backup_file, part.open("wb") as copy:
            shutil.copyfileobj(backup_file, copy, 1 << 20)
        _check_is_backup(part, source.name)
    except BaseException:
        discard(part)
        raise
    return part


def discard(part: Path) -> None:
    """Removes a copy and its journals."""
    for ending in ("", *_JOURNALS):
        part.with_name(part.name + ending).unlink(missing_ok=True)


def check_is_idle(file: Path) -> None:
    """Writes the journal of a database into its file, and checks that nobody else has it open.

    :raises Conflict: somebody has
    """
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
        raise Conflict("database_in_use", f"{file} is in use: end the command that has it open.")


def put_in_place(part: Path, target: Path, *, now: datetime) -> Path | None:
    """Replaces the database by a copy, and returns where the replaced one is kept.

    At every moment there is a whole database at `target`, the old one or the new one.

    :raises Conflict: somebody has the database open
    """
    check_is_idle(target)
    _sync(part)
    kept = _keep(target, now) if target.exists() else None
    part.replace(target)
    _sync_folder(target.parent)
    return kept


def _keep(target: Path, now: datetime) -> Path:
    kept = target.with_name(f"{target.name}.before-restore-{now:%Y%m%dT%H%M%SZ}")
    target.chmod(private_files.PRIVATE_FILE)
    try:
        os.link(target, kept)
    except FileExistsError as error:
        raise _exists(kept) from error
    except OSError:  # a file system without hard links
        private_files.make_file(kept)
        shutil.copyfile(target, kept)
    # What is left of a journal belongs to a damaged database. The new one must not read it.
    for ending in _JOURNALS:
        with suppress(FileNotFoundError):
            target.with_name(target.name + ending).rename(kept.with_name(kept.name + ending))
    return kept


def _check_source(source: Path, target: Path) -> None:
    if not source.is_file():
        raise Invalid("file_missing", f"There is no file {source.name}.")
    if target.exists() and source.samefile(target):
        raise Invalid("file_is_database", f"{source} is the database itself, and not a backup.")
    journal = source.with_name(f"{source.name}-wal")
    if journal.exists() and journal.stat().st_size:
        message = f"{source.name} is a database in use: its newest rows are in {journal.name}."
        raise Invalid("file_in_use", f"{message} Make a copy with `lobby backup` first.")


def _check_is_backup(file: Path, name: str) -> None:
    try:
        with closing(sqlite3.connect(file)) as connection:
            is_intact = connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.DatabaseError:
        is_intact = False
    if not is_intact:
        raise Invalid("not_a_backup", f"{name} is not a whole copy of a lobby's database.")


def _new_part(folder: Path, prefix: str) -> Path:
    # mkstemp makes a file that only its owner can read, under a name that nobody has.
    handle, name = tempfile.mkstemp(dir=folder, prefix=prefix, suffix=_PART)
    os.close(handle)
    return Path(name)


def _name_new(part: Path, target: Path) -> None:
    """Gives a file its name, and replaces no file that came meanwhile."""
    try:
        os.link(part, target)
    except FileExistsError as error:
        raise _exists(target) from error
    except OSError as error:  # a file system without hard links
        if target.exists():
            raise _exists(target) from error
        part.rename(target)


def _exists(file: Path) -> Conflict:
    return Conflict("file_exists", f"{file.name} exists already.")


def _sync(file: Path) -> None:
    with file.open("rb+") as stream:
        os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    # Without this, a power cut may undo the rename.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
