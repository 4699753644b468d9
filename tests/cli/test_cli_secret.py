"""Tests the secret key as an operator meets it: `lobby secret`, and refusals of all commands."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import structlog
import typer.main
from typer.testing import CliRunner

from cli import app
from cli.lazy import LazyCommand
from services.errors import Unavailable
from tests.support.cli import Cli, free_port, status_of, until
from tests.support.common import SECRET
from tests.support.database.secret_versions import NEW, OTHER

pytestmark = pytest.mark.slow
NOT_THE_KEY = (
    "LOBBY_SECRET_KEY is not the secret key of this database: put back the key that it was made "
    "with."
)
# They do not open the database: one asks Parliament, one reads a copy, one only prints.
OTHERS = {("motions", "search"), ("restore",), ("secret", "create"), ("config", "show")}
# Values for what a command needs, where a word will not do.
WORDS = {
    "file": "FILE",
    "logs": "FILE",
    "scope": "signatures:read",
    "starts": "2026-01-01",
    "role": "editor",
    "member_id": "1",
}
# What they need of several options.
CHANGES = {
    ("organisation", "change"): ("--website", "https://union.example.org"),
    ("campaign", "change"): ("--hero-line", "Sign now."),
    ("accessibility",): ("--remove",),
}
# These read a FILE; the others write it.
READERS = {("import",), ("mail",), ("organisation", "notice")}


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yields every command with the arguments and options that it needs."""
    if isinstance(command, LazyCommand):
        command = command.load()
    if hasattr(command, "commands"):
        for name, part in command.commands.items():
            yield from commands(part, (*path, name))
    elif path not in OTHERS:
        needed = [part for part in command.params if part.required]
        options = [part for part in needed if part.param_type_name == "option"]
        arguments = [part for part in needed if part.param_type_name == "argument"]
        words = [word for part in options for word in (part.opts[0], word_for(part))]
        yield (*path, *words, *map(word_for, arguments), *CHANGES.get(path, ()))


def word_for(parameter: Any) -> str:
    return WORDS.get(parameter.name, "word")


COMMANDS = list(commands(typer.main.get_command(app)))


def test_the_commands_are_found() -> None:
    assert len(COMMANDS) >= 25
    assert {"serve", "worker", "check", "key", "export"} <= {words[0] for words in COMMANDS}
    assert all(any(words[: len(path)] == path for words in COMMANDS) for path in CHANGES)


@pytest.fixture(autouse=True)
def log_settings() -> Iterator[None]:
    """Puts back the settings of the log: commands in this process log to an output that closes."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture(scope="module")
def shared(demonstration_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """The demonstration for commands that must change nothing."""
    folder = tmp_path_factory.mktemp("shared") / "data"
    shutil.copytree(demonstration_folder, folder)
    return Cli(folder)


@pytest.mark.parametrize("arguments", [*COMMANDS, ("migrate", "0016")], ids=" ".join)
def test_every_command_refuses_another_key(
    shared: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    file = tmp_path / "file.csv"
    if READERS & {arguments[:1], arguments[:2]}:
        file.write_text("x\n")
    before = shared.counts()
    words = [str(file) if word == "FILE" else word for word in arguments]
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # the worker's, in this process
    # `serve` would set it in this process if it were not set.
    monkeypatch.setenv("LOBBY_BASE_URL", "http://127.0.0.1:8000")
    environment = {"LOBBY_DATA_DIR": str(shared.data), "LOBBY_SECRET_KEY": OTHER}
    done = CliRunner().invoke(app, words, env=environment)
    assert isinstance(done.exception, Unavailable), done.output
    assert (done.exception.code, done.exception.message) == ("wrong_secret_key", NOT_THE_KEY)
    assert shared.counts() == before


def test_a_refusal_is_one_line_and_a_status(demo: Cli) -> None:
    for name in ("serve", "worker", "check"):
        assert demo.refused(name, LOBBY_SECRET_KEY=OTHER) == NOT_THE_KEY


def test_every_process_refuses_another_key_on_postgresql(on_postgres: Cli) -> None:
    assert on_postgres("check").returncode in (0, 1)
    for name in ("serve", "worker", "check", "migrate"):
        assert on_postgres.refused(name, LOBBY_SECRET_KEY=OTHER) == NOT_THE_KEY


def test_a_database_without_its_key_file_is_refused_and_no_key_is_made(demo: Cli) -> None:
    key = demo.data / "secret_key"
    content = key.read_text()
    key.unlink()
    for name in ("serve", "check", "migrate"):
        error = demo.refused(name)
        assert str(key) in error
        assert str(demo.database) in error
        assert not key.exists()
    key.write_text(content)
    key.chmod(0o600)
    assert demo("check").returncode == 0


def test_an_empty_database_file_gets_a_key(cli: Cli) -> None:
    cli.data.mkdir()
    cli.database.touch()
    assert cli("check").returncode == 1  # there are no postcodes
    assert len((cli.data / "secret_key").read_text().strip()) >= 32


def test_an_empty_key_file_is_refused(demo: Cli) -> None:
    (demo.data / "secret_key").write_text("\n")
    assert "is empty" in demo.refused("check")


def test_a_server_that_lost_its_secret_says_so_when_asked_whether_it_is_ready(demo: Cli) -> None:
    port, old = free_port(), (demo.data / "secret_key").read_text().strip()
    with demo.running("serve", "--port", str(port)) as server:
        until(lambda: status_of(port, "/readyz") == 200, server)
        create_and_rotate(demo)
        answer = httpx2.get(f"http://127.0.0.1:{port}/readyz")
        assert answer.status_code == 503
        assert answer.json()["code"] == "wrong_secret_key"
        assert str(demo.data) not in answer.text
        assert "lacks the newest secret" in demo.refused("check", LOBBY_SECRET_KEY=old)


def create_and_rotate(demo: Cli) -> None:
    assert demo("secret", "create", "--yes").returncode == 0
    done = demo("secret", "rotate", "--stopped")
    assert done.returncode == 0, done.stderr


# ---- create, rotate, status


def test_a_new_secret_for_the_settings_is_printed(demo: Cli) -> None:
    done = demo("secret", "create", LOBBY_SECRET_KEY=SECRET)
    assert done.returncode == 0
    assert len(done.stdout.strip()) >= 43
    assert "lobby secret rotate" in done.stderr
    assert demo("secret", "create", LOBBY_SECRET_KEY=SECRET).stdout != done.stdout


def test_a_new_secret_goes_in_front_of_the_old_one_in_the_file(demo: Cli) -> None:
    key = demo.data / "secret_key"
    old = key.read_text().strip()
    refused = demo("secret", "create")  # nobody answers the question
    assert refused.returncode == 1
    assert key.read_text().strip() == old
    done = demo("secret", "create", "--yes")
    assert (done.returncode, done.stdout) == (0, "")
    new, _, last = key.read_text().strip().partition(",")
    assert last == old
    assert len(new) >= 43
    assert key.stat().st_mode & 0o777 == 0o600
    assert new not in done.stderr
    assert "has a new secret already" in demo.refused("secret", "create", "--yes")


def test_a_rotation_from_beginning_to_end(demo: Cli) -> None:
    before = demo.sql("SELECT email_index FROM supporter ORDER BY id")
    create_and_rotate(demo)
    key = demo.data / "secret_key"
    new = key.read_text().partition(",")[0]
    status = demo("secret", "status")
    assert "Secret 1 is needed only for links" in status.stderr
    assert [line.split()[0] for line in status.stdout.splitlines()] == ["secret", "2", "1"]
    key.write_text(new + "\n")
    assert demo("check", "--recount").returncode == 0
    assert demo.sql("SELECT email_index FROM supporter ORDER BY id") == before
    done = demo("secret", "rotate", "--stopped")
    assert (done.returncode, done.stdout) == (0, "")
    assert "Nothing to do" in done.stderr


def test_a_rotation_asks_first_and_changes_nothing_without_an_answer(demo: Cli) -> None:
    assert demo("secret", "create", "--yes").returncode == 0
    before = demo.sql("SELECT name FROM signature ORDER BY id")
    done = demo("secret", "rotate")
    assert done.returncode == 1
    assert "restarted with both secrets" in done.stderr
    assert demo.sql("SELECT name FROM signature ORDER BY id") == before
    assert demo.sql("SELECT count(*) FROM secret") == [(1,)]


def test_a_server_with_both_secrets_serves_during_a_rotation_and_takes_it_up(demo: Cli) -> None:
    assert demo("secret", "create", "--yes").returncode == 0
    port = free_port()
    with demo.running("serve", "--port", str(port)) as server:
        until(lambda: status_of(port, "/readyz") == 200, server)
        assert demo("secret", "rotate", "--stopped").returncode == 0
        assert status_of(port, "/readyz") == 200
        page = httpx2.get(f"http://127.0.0.1:{port}/campaigns/nhs-professionals")
        assert page.status_code == 200


def test_a_start_says_that_a_new_secret_waits(demo: Cli) -> None:
    assert demo("secret", "create", "--yes").returncode == 0
    with demo.running("worker") as process:
        assert "is new and seals nothing yet: run `lobby secret" in process.stderr.readline()
    assert "is new and seals nothing yet" in demo("check").stderr


def test_a_rotation_on_postgresql_with_the_settings(on_postgres: Cli) -> None:
    assert on_postgres("organisation", "create", "Us", "--slug", "us").returncode == 0
    made = on_postgres("organiser", "create", "olive@example.org", "--organisation", "us")
    assert made.returncode == 0
    both = {"LOBBY_SECRET_KEY": f"{NEW},{SECRET}"}
    assert on_postgres("secret", "rotate", "--stopped", **both).returncode == 0
    done = on_postgres("secret", "status", LOBBY_SECRET_KEY=NEW)
    assert [line.split()[-2] for line in done.stdout.splitlines()[1:]] == ["1", "0"]
    assert "lacks the newest secret" in on_postgres.refused("check")


# ---- migrations


def test_an_upgrade_is_refused_with_another_key_and_changes_nothing(demo: Cli) -> None:
    assert demo("migrate", "0016").returncode == 0
    assert demo.refused("migrate", LOBBY_SECRET_KEY=OTHER) == NOT_THE_KEY
    assert demo.sql("SELECT version_num FROM alembic_version") == [("0016",)]
    assert demo("migrate").returncode == 0
    assert demo.sql("SELECT version FROM secret") == [(1,)]
    assert demo("check", "--recount").returncode == 0


def test_the_way_down_needs_the_secrets_where_the_older_program_looks_for_them(demo: Cli) -> None:
    key = demo.data / "secret_key"
    create_and_rotate(demo)
    both = key.read_text()
    key.write_text(both.partition(",")[0] + "\n")
    error = demo.refused("migrate", "0016")
    assert "needs all secrets that this database ever had" in error
    assert demo.sql("SELECT count(*) FROM secret") == [(2,)]
    key.write_text(both)
    assert demo("migrate", "0016").returncode == 0
    assert demo("migrate").returncode == 0
    assert demo.sql("SELECT version FROM secret ORDER BY version") == [(1,), (2,)]
    assert demo("check", "--recount").returncode == 0


def test_a_copied_data_folder_keeps_its_key(demo: Cli, tmp_path: Path) -> None:
    shutil.copytree(demo.data, tmp_path / "elsewhere")
    assert Cli(tmp_path / "elsewhere")("check").returncode == 0
