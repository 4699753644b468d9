"""Tests `lobby backup` and `lobby restore`."""

import os
import pty
import re
import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from services.demonstration import invented_campaign
from tests.support.cli import Cli, free_port, status_of, until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def copy(demonstration_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a backup of the demonstration."""
    file = tmp_path_factory.mktemp("backup") / "copy.db"
    done = Cli(demonstration_folder)("backup", file)
    assert (done.returncode, done.stdout) == (0, "")
    assert str(file) in done.stderr
    return file


def files_of(demo: Cli) -> list[Path]:
    return sorted(file for file in demo.data.iterdir() if file.suffix != ".lock")


def kept_by(demo: Cli) -> Path:
    """Returns the file in which the one restore kept what it replaced."""
    (kept,) = demo.data.glob("lobby.db.before-restore-*")
    assert re.fullmatch(r"lobby\.db\.before-restore-\d{8}T\d{6}Z", kept.name)
    return kept


def test_a_backup_is_whole_private_and_can_be_put_back(demo: Cli, copy: Path) -> None:
    before = demo.counts()
    assert copy.stat().st_mode & 0o777 == 0o600
    demo.sql("DELETE FROM signature")
    left = demo.data / ".lobby.db.restore.killed.part"
    left.write_bytes(b"what a killed restore has left")
    done = demo("restore", copy, "--yes")
    assert (done.returncode, done.stdout) == (0, "")
    assert demo.counts() == before
    assert copy.exists()
    assert not left.exists()


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
    before, files = demo.counts(), files_of(demo)
    reason = demo.refused("restore", file, "--yes")
    assert reason == "copy.db is not a whole copy of a lobby's database."
    assert demo.counts() == before
    assert files_of(demo) == files


def test_a_damaged_database_can_be_replaced_by_its_backup(demo: Cli, copy: Path) -> None:
    before = demo.counts()
    damaged = b"nothing of use" * 1000
    demo.database.write_bytes(damaged)
    done = demo("restore", copy, "--yes")
    assert done.returncode == 0, done.stderr
    assert "Now:    a database that cannot be read." in done.stderr
    assert demo.counts() == before
    assert kept_by(demo).read_bytes() == damaged


def test_a_restore_makes_a_database_where_there_is_none(
    cli: Cli, copy: Path, demonstration_folder: Path
) -> None:
    error = cli.refused("restore", copy)
    assert error.startswith("There is no secret key to read copy.db with: put the key")
    assert not cli.database.exists()
    cli.data.mkdir(exist_ok=True)
    shutil.copy(demonstration_folder / "secret_key", cli.data)
    assert cli("restore", copy).returncode == 0
    assert cli.counts()["signature"] == invented_campaign.SIGNATURES


def test_a_backup_is_made_beside_a_server_and_a_restore_is_not(demo: Cli, tmp_path: Path) -> None:
    port = free_port()
    file = tmp_path / "copy.db"
    with demo.running("serve", "--port", str(port)) as server:
        until(lambda: status_of(port) == 200, server)
        assert demo("backup", file).returncode == 0
        reason = demo.refused("restore", file, "--yes")
        assert f"has a server already: process {server.pid} (`lobby serve` on 127.0.0.1:" in reason
        assert not list(demo.data.glob(".*.part"))
        assert status_of(port) == 200
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=20) in (0, -signal.SIGTERM)


def test_a_backup_is_private_from_its_first_byte_and_a_folder_of_many_is_told_of(
    demo: Cli, tmp_path: Path
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    previous = os.umask(0)
    try:
        done = demo("backup", shared / "copy.db")
    finally:
        os.umask(previous)
    assert done.returncode == 0
    assert f"Others can look into the folder {shared} (mode 755)." in done.stderr
    assert [file.name for file in shared.iterdir()] == ["copy.db"]
    assert (shared / "copy.db").stat().st_mode & 0o777 == 0o600
    shared.chmod(0o700)
    assert "Others can look" not in demo("backup", shared / "second.db").stderr


def test_a_restore_without_a_terminal_needs_a_word(demo: Cli, copy: Path) -> None:
    demo.sql("UPDATE petition SET action = 'Still here'")
    files = files_of(demo)
    done = demo("restore", copy)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Nothing was replaced: without a terminal, restore needs --yes." in done.stderr
    assert demo.sql("SELECT action FROM petition") == [("Still here",)]
    assert files_of(demo) == files


@pytest.mark.parametrize(("answer", "is_replaced"), [("y", True), ("n", False), ("", False)])
def test_a_restore_asks_in_a_terminal(
    answer: str, is_replaced: bool, demo: Cli, copy: Path
) -> None:
    terminal, theirs = pty.openpty()
    os.write(terminal, f"{answer}\n".encode())
    demo.stdin = theirs
    done = demo("restore", copy)
    os.close(theirs)
    os.close(terminal)
    assert f"Replace {demo.database}? [y/N]" in done.stderr
    assert done.returncode == (0 if is_replaced else 1)
    assert bool(list(demo.data.glob("*.before-restore-*"))) is is_replaced


def test_a_restore_keeps_what_it_replaces_with_what_is_only_in_its_journal(
    demo: Cli, copy: Path
) -> None:
    with closing(sqlite3.connect(demo.database)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("UPDATE petition SET action = 'Only in the journal'")
        connection.commit()
        # As a killed process leaves it: the last connection would write the journal to the file.
        names = [f"lobby.db{ending}" for ending in ("", "-wal")]
        left = {name: (demo.data / name).read_bytes() for name in names}
    for name, content in left.items():
        (demo.data / name).write_bytes(content)
    assert b"Only in the journal" not in left["lobby.db"]
    demo.database.chmod(0o644)
    assert demo("restore", copy, "--yes").returncode == 0
    kept = kept_by(demo)
    assert kept.stat().st_mode & 0o777 == 0o600
    assert demo.database.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(kept)) as connection:
        (action,) = connection.execute("SELECT action FROM petition").fetchone()
    assert action == "Only in the journal"
    assert demo.sql("SELECT count(*) FROM petition WHERE action = 'Only in the journal'") == [(0,)]


def test_a_restore_shows_what_is_there_and_what_comes_and_says_what_is_undone(
    demo: Cli, copy: Path
) -> None:
    demo.sql(
        "UPDATE signature SET state = 'withdrawn' WHERE id IN "
        "(SELECT id FROM signature WHERE state = 'confirmed' ORDER BY id LIMIT 2)"
    )
    demo.sql(
        "UPDATE supporter SET mail_off_at = '2026-07-01 12:00:00.000000' "
        "WHERE id = (SELECT min(id) FROM supporter)"
    )
    told = demo("restore", copy, "--yes").stderr
    count = invented_campaign.SIGNATURES
    assert f"Now:    1 organisations, 1 petitions, {count - 2} confirmed signatures, " in told
    assert f"Backup: 1 organisations, 1 petitions, {count} confirmed signatures, " in told
    assert re.search(r"newest row: \d{4}-\d\d-\d\d \d\d:\d\d UTC; schema \d{4}\.", told)
    undone = "is undone: 2 people who withdrew count again; 1 people who unsubscribed get emails"
    assert undone in told
    assert "repeat withdrawals, unsubscribes and erasures" in told


def test_letters_that_wait_in_a_backup_are_uncertain_after_it(demo: Cli, copy: Path) -> None:
    queued = "SELECT count(*) FROM letter WHERE state = 'queued'"
    ((waiting,),) = demo.sql(queued)
    assert waiting > 0
    told = demo("restore", copy, "--yes").stderr
    assert f"Not sent: {waiting} letters are uncertain now" in told
    assert demo.sql(queued) == [(0,)]
    assert demo.sql("SELECT count(*) FROM letter WHERE state = 'uncertain'")[0][0] >= waiting
    ended = "('accepted', 'rejected', 'uncertain', 'dropped')"
    assert demo.sql(f"SELECT count(*) FROM outbox_message WHERE state NOT IN {ended}") == [(0,)]


def test_a_backup_of_a_newer_program_is_not_put_back(demo: Cli, copy: Path, tmp_path: Path) -> None:
    newer = tmp_path / "newer.db"
    shutil.copy(copy, newer)
    with closing(sqlite3.connect(newer)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    files = files_of(demo)
    reason = demo.refused("restore", newer, "--yes")
    assert reason.startswith("newer.db has the schema 9999, and this program knows those up to ")
    assert files_of(demo) == files


def test_a_backup_of_an_older_program_is_migrated(demo: Cli, copy: Path, tmp_path: Path) -> None:
    before = demo.counts()
    older = Cli(tmp_path / "older")
    older.data.mkdir()
    shutil.copy(demo.data / "secret_key", older.data)
    assert older("restore", copy).returncode == 0
    assert older("migrate", "0014").returncode == 0
    told = demo("restore", older.database, "--yes").stderr
    assert "; schema 0014." in told
    assert demo("check").returncode == 0
    # The older program had none of these.
    newer = (
        *("campaign_event", "picture", "picture_file", "map_layout", "map_tile"),
        *("member_contact", "member_note", "quick_answer"),
    )
    assert all(before[table] > 0 for table in newer)
    assert demo.counts() == before | dict.fromkeys(newer, 0)


def test_a_restore_waits_for_no_command_that_has_the_database_open(demo: Cli, copy: Path) -> None:
    before = demo.counts()
    with demo.writing() as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN IMMEDIATE")
        reason = demo.refused("restore", copy, "--yes")
    assert reason == f"{demo.database} is in use: end the command that has it open."
    assert demo.counts() == before


def test_the_database_itself_and_one_that_is_in_use_are_no_backups(
    demo: Cli, copy: Path, tmp_path: Path
) -> None:
    reason = demo.refused("restore", demo.database, "--yes")
    assert reason == f"{demo.database} is the database itself, and not a backup."
    other = tmp_path / "other.db"
    shutil.copy(copy, other)
    (tmp_path / "other.db-wal").write_bytes(b"rows")
    reason = demo.refused("restore", other, "--yes")
    assert reason.startswith("other.db is a database in use: its newest rows are in other.db-wal.")
