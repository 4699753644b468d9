"""Tests that one server and one worker at a time use an embedded database, by real processes."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.settings import ROOT
from tests.support.cli import Cli, Process, Running, free_port, status_of, until

pytestmark = pytest.mark.slow
SINCE = r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"


def lock_of(demo: Cli, role: str) -> Path:
    return demo.data / f"lobby.db.{role}.lock"


def is_held(demo: Cli, role: str, process: Process) -> bool:
    """Returns whether a process has described itself in a lock file."""
    file = lock_of(demo, role)
    return file.exists() and f'"process": {process.pid},' in file.read_text()


@contextmanager
def serving(demo: Cli, port: int) -> Iterator[Running]:
    """Runs a server that answers."""
    with demo.running("serve", "--port", str(port)) as server:
        until(lambda: status_of(port) == 200, server)
        yield server


@contextmanager
def working(demo: Cli) -> Iterator[Running]:
    with demo.running("worker") as worker:
        until(lambda: is_held(demo, "worker", worker), worker)
        yield worker


def uvicorn(demo: Cli) -> "subprocess.CompletedProcess[str]":
    """Starts `uvicorn main:app`, which must end."""
    return subprocess.run(
        [sys.executable, "-m", "uvicorn", "main:app", "--port", str(free_port())],
        env=demo.environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_second_server_is_refused_by_name_and_the_first_goes_on(demo: Cli) -> None:
    port = free_port()
    with serving(demo, port) as first:
        reason = demo.refused("serve", "--port", str(free_port()))
        named = rf"process {first.pid} \(`lobby serve` on 127\.0\.0\.1:{port}, {SINCE}\)"
        assert re.search(rf"lobby\.db has a server already: {named}\.", reason), reason
        assert demo("organisation", "create", "Another", "--slug", "another").returncode == 0
        assert demo("check").returncode == 0, "other commands work beside it"
        assert status_of(port) == 200


def test_a_worker_beside_a_server_that_is_one_too_is_refused(demo: Cli) -> None:
    with serving(demo, free_port()) as first:
        reason = demo.refused("worker")
    assert f"has a worker already: process {first.pid} (`lobby serve` on " in reason
    assert "LOBBY_WORKER=off" in reason


def test_a_server_and_a_worker_of_its_own_work_side_by_side_and_no_third(demo: Cli) -> None:
    demo.settings["LOBBY_WORKER"] = "off"
    with serving(demo, free_port()) as server, working(demo) as worker:
        assert f"has a worker already: process {worker.pid} (`lobby worker`, " in demo.refused(
            "worker"
        )
        assert f"server already: process {server.pid} " in demo.refused("serve")
        assert server.poll() is worker.poll() is None


def test_a_server_that_is_a_worker_too_is_refused_beside_a_worker(demo: Cli) -> None:
    with working(demo) as worker:
        reason = demo.refused("serve", "--port", str(free_port()))
        assert f"has a worker already: process {worker.pid} (`lobby worker`, " in reason


def test_a_link_to_the_file_is_the_file(demo: Cli, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(demo.database)
    with serving(demo, free_port()) as first:
        reason = demo.refused("serve", LOBBY_DATABASE_URL=f"sqlite:///{link}")
    assert f"process {first.pid} " in reason


def test_the_lock_ends_with_a_killed_process(demo: Cli) -> None:
    with serving(demo, free_port()) as first:
        first.send_signal(signal.SIGKILL)
        first.wait()
        assert f'"process": {first.pid},' in lock_of(demo, "serve").read_text(), "it is stale"
        port = free_port()
        with serving(demo, port) as second:
            reason = demo.refused("worker")
            assert f"process {second.pid} (`lobby serve` on 127.0.0.1:{port}, " in reason


def test_uvicorn_takes_the_same_lock_and_says_why_it_stops(demo: Cli) -> None:
    with serving(demo, free_port()) as first:
        done = uvicorn(demo)
        assert done.returncode == 3
        assert f"has a server already: process {first.pid} (`lobby serve` on " in done.stderr
        assert "Traceback" not in done.stderr


def test_lobby_serve_is_refused_beside_uvicorn(demo: Cli) -> None:
    command = [sys.executable, "-m", "uvicorn", "main:app", "--port", str(free_port())]
    with subprocess.Popen(command, env=demo.environment, cwd=ROOT, text=True) as first:
        try:
            until(lambda: is_held(demo, "serve", first), first)
            reason = demo.refused("serve", "--port", str(free_port()))
            assert f"process {first.pid} (a server of main:app, since " in reason
        finally:
            first.kill()


def test_files_are_their_owners_alone_from_the_first_byte(cli: Cli) -> None:
    previous = os.umask(0)
    try:
        with serving(cli, free_port()):
            assert cli("demo").returncode == 0, "which makes the postcodes"
            modes = {
                file.name: file.stat().st_mode & 0o777
                for file in cli.data.iterdir()
                if file.is_file()
            }
    finally:
        os.umask(previous)
    assert set(modes.values()) == {0o600}, modes
    assert {"lobby.db", "lobby.db-wal", "lobby.db-shm", "postcodes.bin", "secret_key"} <= set(modes)
    assert cli.data.stat().st_mode & 0o777 == 0o700


def test_a_database_that_others_could_read_is_taken_from_them_with_a_warning(demo: Cli) -> None:
    demo.database.chmod(0o644)
    with demo.running("worker") as worker:
        until(lambda: demo.database.stat().st_mode & 0o777 == 0o600, worker)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=20) == 0
        warnings = [line for line in worker.stderr if "database_was_open_to_others" in line]
    assert len(warnings) == 1
    assert f"{demo.database} had mode 644, and has 600 now" in warnings[0]


def test_the_check_tells_of_modes_and_changes_none(demo: Cli) -> None:
    key = demo.data / "secret_key"
    demo.database.chmod(0o640)
    key.chmod(0o644)
    demo.data.chmod(0o755)
    done = demo("check")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{demo.database} can be used by others (mode 640): run `chmod 600 " in done.stderr
    assert f"{key} can be used by others (mode 644)" in done.stderr
    assert f"Others can use the data folder {demo.data} (mode 755)" in done.stderr
    assert demo.database.stat().st_mode & 0o777 == 0o640
    for path in (demo.database, key):
        path.chmod(0o600)
    assert demo("check").returncode == 0, "of a folder it is a hint"
