"""Tests `lobby backup` and `lobby restore`."""

import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from services.demonstration import invented_campaign
from tests.support.cli import Cli, free_port, until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def copy(demonstration_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a backup of the demonstration."""
    file = tmp_path_factory.mktemp("backup") / "copy.db"
    done = Cli(demonstration_folder)("backup", file)
    assert (done.returncode, done.stdout) == (0, "")
    assert str(file) in done.stderr
    return file


def test_a_backup_is_whole_private_and_can_be_put_back(demo: Cli, copy: Path) -> None:
    before = demo.counts()
    assert copy.stat().st_mode & 0o777 == 0o600
    demo.sql("DELETE FROM signature")
    assert demo("restore", copy).returncode == 0
    assert demo.counts() == before
    assert copy.exists()


def test_a_backup_never_writes_over_a_file(demo: Cli, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    file.write_text("precious")
    assert demo.refused("backup", file) == "copy.db exists already."
    assert file.read_text() == "precious"


@pytest.mark.parametrize("content", [b"not a database " * 99, None], ids=["text", "other"])
def test_what_is_no_backup_is_not_put_back(
    content: bytes | None, demo: Cli, tmp_path: Path
) -> None:
    file = tmp_path / "copy.db"
    if content is None:  # a database of another application
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("CREATE TABLE something (id INTEGER)")
    else:
        file.write_bytes(content)
    before, files = demo.counts(), sorted(demo.data.iterdir())
    assert demo.refused("restore", file) == "copy.db is not a whole copy of a lobby's database."
    assert demo.counts() == before
    assert sorted(demo.data.iterdir()) == files


def test_a_damaged_database_can_be_replaced_by_its_backup(demo: Cli, copy: Path) -> None:
    before = demo.counts()
    demo.database.write_bytes(b"nothing of use" * 1000)
    assert demo("restore", copy).returncode == 0
    assert demo.counts() == before


def test_a_restore_makes_a_database_where_there_is_none(cli: Cli, copy: Path) -> None:
    assert cli("restore", copy).returncode == 0
    assert cli.counts()["signature"] == invented_campaign.SIGNATURES


def test_a_backup_is_made_beside_a_server_and_a_restore_is_not(demo: Cli, tmp_path: Path) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}/livez"

    def answers() -> bool:
        try:
            return httpx2.get(address).status_code == 200
        except httpx2.ConnectError:
            return False

    file = tmp_path / "copy.db"
    with demo.running("serve", "--port", str(port)) as server:
        until(answers, server)
        assert demo("backup", file).returncode == 0
        assert demo.refused("restore", file) == "The database is in use: stop the server first."
        assert not list(demo.data.glob("*.part"))
        assert answers()
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=20) in (0, -signal.SIGTERM)
