"""Tests the locks of server and worker on one file. `tests/cli/test_cli_locks.py` has processes."""

import json
import os
import subprocess
import sys
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core import private_files
from core.settings import Settings
from main import create_app
from services.database import process_locks
from services.database.process_locks import Role
from services.errors import Conflict
from tests.support.common import SECRET

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
# Takes the server's lock on the database of its first argument, or prints why it cannot.
ANOTHER = """
import sys
from datetime import datetime, UTC
from services.database.process_locks import Role, hold
from services.errors import LobbyError
try:
    with hold(sys.argv[1], [Role.SERVER], what="another", now=datetime.now(UTC)):
        print("taken")
except LobbyError as error:
    print(f"{error.code}: {error.message}")
"""
HOLDING = ANOTHER.replace("SERVER", "WORKER").replace(
    'print("taken")', 'print("taken", flush=True); sys.stdin.read()'
)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/lobby.db"


def hold(url: str, *roles: Role, address: str = "") -> AbstractContextManager[None]:
    return process_locks.hold(url, roles, what="`lobby serve`", now=NOW, address=address)


def another(url: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", ANOTHER, url], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.mark.slow
def test_another_process_is_told_which_one_holds_the_lock(url: str, tmp_path: Path) -> None:
    with hold(url, Role.SERVER, address="127.0.0.1:8123"):
        told = another(url)
    first = (
        f"process {os.getpid()} (`lobby serve` on 127.0.0.1:8123, since 2026-07-01 12:00:00 UTC)"
    )
    assert told.startswith(f"second_server: {tmp_path}/lobby.db has a server already: {first}.")
    assert another(url) == "taken", "the lock ends with its block"


@pytest.mark.slow
def test_the_roles_do_not_hinder_each_other(url: str) -> None:
    with hold(url, Role.WORKER):
        assert another(url) == "taken"


@pytest.mark.slow
def test_two_spellings_and_a_symbolic_link_are_one_file(url: str, tmp_path: Path) -> None:
    private_files.make_file(tmp_path / "lobby.db")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "link.db").symlink_to(tmp_path / "lobby.db")
    (tmp_path / "folder").symlink_to(tmp_path)
    with hold(url, Role.SERVER):
        for other in ("elsewhere/../lobby.db", "folder/lobby.db", "elsewhere/link.db"):
            assert another(f"sqlite:///{tmp_path}/{other}").startswith("second_server: ")
        assert another(f"sqlite:///{tmp_path}/other.db") == "taken"


@pytest.mark.parametrize("content", [b"", b"{nonsense", b'{"process": 1}', b"\xff" * 5000])
def test_a_file_that_a_dead_process_left_blocks_nobody(
    content: bytes, url: str, tmp_path: Path
) -> None:
    file = process_locks.lock_file(tmp_path / "lobby.db", Role.SERVER)
    file.write_bytes(content)
    with hold(url, Role.SERVER):
        assert json.loads(file.read_text())["process"] == os.getpid()
    assert file.read_bytes() == b""


@pytest.mark.slow
def test_a_process_shares_its_lock_with_itself_until_the_last_one_ends(url: str) -> None:
    with hold(url, Role.SERVER):
        with hold(url, Role.SERVER):
            pass
        assert another(url).startswith("second_server: ")
    assert another(url) == "taken"


@pytest.mark.slow
def test_a_fork_does_not_hold_the_lock_of_its_parent(url: str) -> None:
    with hold(url, Role.SERVER):
        child = os.fork()
        if not child:
            try:
                with hold(url, Role.SERVER):
                    os._exit(1)
            except Conflict:
                os._exit(0)
            os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert another(url).startswith("second_server: "), "the child took nothing with it"


def test_lock_files_are_their_owners_alone(url: str, tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        with hold(url, Role.SERVER, Role.WORKER):
            modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    finally:
        os.umask(previous)
    assert modes == {"lobby.db.serve.lock": 0o600, "lobby.db.worker.lock": 0o600}


@pytest.mark.slow
def test_a_refused_process_gives_back_what_it_had_taken(url: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as worker:
        assert worker.stdout
        assert worker.stdin
        assert worker.stdout.readline() == b"taken\n"
        with pytest.raises(Conflict), hold(url, Role.SERVER, Role.WORKER):
            pass
        assert another(url) == "taken"
        worker.stdin.close()


def test_postgresql_has_no_lock_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    url = "postgresql+psycopg://localhost/lobby"
    with ExitStack() as both:
        for _ in range(2):
            both.enter_context(hold(url, Role.SERVER, Role.WORKER))
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_an_application_that_is_only_made_holds_nothing(url: str, tmp_path: Path) -> None:
    create_app(Settings(data_dir=tmp_path, database_url=url, secret_key=SECRET))
    assert another(url) == "taken"
