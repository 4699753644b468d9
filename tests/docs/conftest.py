"""Fixtures of the documents' blocks: one server for each database, and copies of its data."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import pytest

from tests.support.documents import commands, installations
from tests.support.documents.installations import Databases
from tests.support.documents.shell import Site


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str | None], Site]]:
    """A function that returns the site on a PostgreSQL server, or on SQLite without one."""
    with ExitStack() as stack:

        @cache
        def site_on(postgres: str | None) -> Site:
            return stack.enter_context(_site(tmp_path_factory.mktemp("site"), postgres))

        yield site_on


@pytest.fixture
def site(backend: str, sites: Callable[[str | None], Site], request: pytest.FixtureRequest) -> Site:
    is_sqlite = backend == "sqlite"
    return sites(None if is_sqlite else request.getfixturevalue("postgres"))


@contextmanager
def _site(folder: Path, postgres: str | None) -> Iterator[Site]:
    downloads = folder / "downloads"
    downloads.mkdir()
    installations.write_downloads(downloads)
    with installations.parliament() as settings, commands.answering() as socket:
        databases = Databases(folder, downloads, settings, postgres)
        shared = databases.demonstration()
        with shared.serving() as url:
            yield Site(shared, url, databases, socket, downloads)
