"""The servers that the bench of the intake measures, also those of an earlier version."""

import argparse
import itertools
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.engine import URL, make_url

from bench import servers
from core.settings import ROOT, Settings
from services.assembly import Lobby, open_lobby
from tools.databases import postgres

SECRET = "the secret of a bench in which everybody is invented"
ALWAYS = {
    "worker": "off",
    "sync_members": "off",
    "secret_key": SECRET,
    # Requests are counted as usual, but all of them come from one address.
    "gets_per_address": "1000000000",
    "posts_per_address": "1000000000",
    "posts_per_petition": "1000000000",
}
E = "E"
DRIVER = "postgresql+psycopg"


def checkout(text: str) -> Path:
    """Returns the folder of a version. Raises argparse's error for any other folder: Python would
    find the modules of this version instead."""
    folder = Path(text).resolve()
    if not all((folder / part).exists() for part in ("bench/servers.py", "cli/__init__.py")):
        raise argparse.ArgumentTypeError(f"{text} is not a checkout of Central Lobby")
    return folder


@dataclass(frozen=True, slots=True)
class Server:
    """A server to measure, and where its database is."""

    name: str
    port: int
    pid: int
    folder: Path
    url: str

    @contextmanager
    def database(self) -> Iterator[Lobby]:
        """Opens its database with the services of this version."""
        settings = Settings(
            data_dir=self.folder, database_url=self.url, secret_key=SecretStr(SECRET)
        )
        with closing(open_lobby(settings)) as lobby:
            yield lobby


class Demonstrations:
    """The demonstration in a database, made once for each version and copied for each server.

    All databases of PostgreSQL are on one server, which ends with the `stack`.
    """

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self._stack, self._folder = stack, folder
        self._numbers = itertools.count()
        self._made: dict[tuple[Path, bool], tuple[Path, URL | None]] = {}

    def copy(self, to: Path, root: Path, *, on_postgres: bool) -> str:
        """Copies the data folder and the database of a version; returns the URL, '' on SQLite."""
        folder, url = self._of(root, on_postgres=on_postgres)
        shutil.copytree(folder, to)
        if url is None:
            return ""
        return _text(self._create_database(url.database))

    def _of(self, root: Path, *, on_postgres: bool) -> tuple[Path, URL | None]:
        if (root, on_postgres) not in self._made:
            folder = self._folder / f"demonstration-{next(self._numbers)}"
            url = self._create_database() if on_postgres else None
            settings = dict(ALWAYS) | ({"database_url": _text(url)} if url else {})
            servers.demonstrate(folder, settings, root=root)
            self._made[root, on_postgres] = folder, url
        return self._made[root, on_postgres]

    @cached_property
    def _server(self) -> URL:
        return make_url(self._stack.enter_context(postgres(self._folder / "pg")))

    def _create_database(self, template: str | None = None) -> URL:
        name = f"bench{next(self._numbers)}"
        engine = sa.create_engine(self._server.set(drivername=DRIVER), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            suffix = f" TEMPLATE {template}" if template else ""
            connection.exec_driver_sql(f"CREATE DATABASE {name}{suffix}")
        engine.dispose()
        return self._server.set(database=name)


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A server that can be started, with a demonstration in its database."""

    name: str
    kind: str
    folder: Path
    settings: dict[str, str]
    fsync: float
    root: Path

    @contextmanager
    def serving(self) -> Iterator[Server]:
        """Starts the server, and ends it."""
        url = self.settings.get("database_url", "")
        with servers.serving(
            self.kind, self.folder, self.settings, fsync=self.fsync, root=self.root
        ) as (port, pid):
            yield Server(self.name, port, pid, self.folder, url)


@dataclass(frozen=True, slots=True)
class Starter:
    """Starts servers that end with the `stack`, each with a database of its own.

    `before` is the folder of an earlier version. It must have the same schema.
    """

    stack: ExitStack
    folder: Path
    demonstrations: Demonstrations
    before: Path | None = None

    @classmethod
    @contextmanager
    def opened(cls, before: Path | None = None) -> Iterator["Starter"]:
        """Opens a starter in a temporary folder."""
        with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as stack:
            yield cls(stack, Path(name), Demonstrations(stack, Path(name)), before)

    @contextmanager
    def part(self, name: str) -> Iterator["Starter"]:
        """Opens a starter of other servers, which end with this part of the bench."""
        folder = self.folder / name
        folder.mkdir()
        with ExitStack() as stack:
            yield replace(self, stack=stack, folder=folder)

    def versions(self) -> list[tuple[str, Path]]:
        """Returns what the names of a version's servers end with, and its folder."""
        return [(" before", self.before), ("", ROOT)] if self.before else [("", ROOT)]

    def empty(self) -> Server:
        """Starts E."""
        return self.start(self.prepare_empty(E, "empty_endpoint"))

    def services(self) -> list[Server]:
        """Starts `lobby serve` on both databases, in each version."""
        return self.start_all(self.prepare_services())

    def start_all(self, prepared: Sequence[Prepared]) -> list[Server]:
        """Starts servers, two at a time."""
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(self.start, prepared))

    def start(self, prepared: Prepared) -> Server:
        """Starts a server."""
        return self.stack.enter_context(prepared.serving())

    def prepare_empty(self, name: str, kind: str) -> Prepared:
        """Prepares a server without a database."""
        return Prepared(name, kind, self.folder / _file_name(name), {}, 0, ROOT)

    def prepare_services(self, **settings: str) -> list[Prepared]:
        """Prepares `lobby serve` on both databases, in each version."""
        return [
            self.prepare(
                f"{database}{suffix}", "serve", settings, on_postgres=is_postgres, root=root
            )
            for database, is_postgres in (("SQLite", False), ("PostgreSQL", True))
            for suffix, root in self.versions()
        ]

    def prepare(
        self,
        name: str,
        kind: str,
        settings: Mapping[str, str] | None = None,
        *,
        on_postgres: bool = False,
        fsync: float = 0,
        root: Path = ROOT,
    ) -> Prepared:
        """Prepares a server of a kind of `bench.servers`. `settings` are added to those of all."""
        folder = self.folder / _file_name(name)
        url = self.demonstrations.copy(folder, root, on_postgres=on_postgres)
        database = {"database_url": url} if url else {}
        return Prepared(name, kind, folder, {**ALWAYS, **database, **(settings or {})}, fsync, root)


def _file_name(name: str) -> str:
    return name.replace(" ", "-")
