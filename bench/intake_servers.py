"""The servers that the bench of the intake measures, also those of an earlier version."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

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
Settable = Mapping[str, str]
NOTHING: Settable = {}


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
    before: Path | None = None

    def versions(self) -> list[tuple[str, Path]]:
        """Returns what the names of a version's servers end with, and its folder."""
        return [(" before", self.before), ("", ROOT)] if self.before else [("", ROOT)]

    def empty(self) -> Server:
        """Starts E."""
        return self.start(self.prepare(E, "empty_endpoint"))

    def services(self) -> list[Server]:
        """Starts `lobby serve` on both databases, in each version."""
        return [self.start(prepared) for prepared in self.prepare_services()]

    def start(self, prepared: Prepared) -> Server:
        """Starts a server."""
        return self.stack.enter_context(prepared.serving())

    def prepare_services(self, settings: Settable = NOTHING) -> list[Prepared]:
        """Prepares `lobby serve` on both databases, in each version."""
        prepared = []
        for database in ("SQLite", "PostgreSQL"):
            for suffix, root in self.versions():
                name, url = database + suffix, {}
                if database == "PostgreSQL":
                    url = self.new_postgres(name)
                prepared.append(self.prepare(name, "serve", {**settings, **url}, root=root))
        return prepared

    def new_postgres(self, name: str) -> dict[str, str]:
        """Starts a PostgreSQL, and returns the setting of an empty database."""
        url = self.stack.enter_context(postgres(self.folder / f"pg-{_file_name(name)}"))
        return {"database_url": url}

    def prepare(
        self,
        name: str,
        kind: str,
        settings: Settable = NOTHING,
        *,
        fsync: float = 0,
        root: Path = ROOT,
    ) -> Prepared:
        """Prepares a server of a kind of `bench.servers`."""
        folder = self.folder / _file_name(name)
        prepared = Prepared(name, kind, folder, {**ALWAYS, **settings}, fsync, root)
        if not kind.startswith("empty"):
            servers.demonstrate(folder, prepared.settings, root=root)
        return prepared


def _file_name(name: str) -> str:
    return name.replace(" ", "-")
