"""The files of the embedded database, and their modes."""

from pathlib import Path

import sqlalchemy as sa

from core import private_files

_JOURNALS = ("", "-wal", "-shm", "-journal")


def file_of(url: str) -> Path | None:
    """Returns the file of an embedded database; None for PostgreSQL and for a database in memory.

    Symbolic links are followed, as SQLite does: its journals lie beside the real file.
    """
    if not url.startswith("sqlite"):
        return None
    name = sa.make_url(url).database
    return Path(name).resolve() if name and name != ":memory:" else None


def make_private(url: str) -> None:
    """Makes the folder and the file of an embedded database, if there are none."""
    if file := file_of(url):
        private_files.make_folder(file.parent)
        private_files.make_file(file)


def tighten(url: str) -> list[str]:
    """Takes the database and its journals from others than their owner.

    Returns a line of text for each file that they could use, also if its mode could not be changed.
    """
    file = file_of(url)
    return [
        line
        for ending in _JOURNALS
        if file is not None and (line := _tighten(file.with_name(file.name + ending)))
    ]


def _tighten(file: Path) -> str | None:
    if not file.exists() or not private_files.is_open_to_others(file):
        return None
    mode = private_files.mode_of(file)
    try:
        file.chmod(private_files.PRIVATE_FILE)
    except FileNotFoundError:  # a journal whose last connection ended
        return None
    except OSError as error:  # it belongs to somebody else
        return f"{file} has mode {mode}, which cannot be changed to 600: {error.strerror}"
    return f"{file} had mode {mode}, and has 600 now"
