"""Tests that a digest goes once although a worker dies, and although several work."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlmodel import select

import worker
from models import AlertDigest, MessageKind, OutboxMessage
from services.alerts import digests
from tests.services.alerts.conftest import Desk

ROOT = Path(__file__).parents[3]
DIES = """
import os, sys
from datetime import datetime
from pathlib import Path
from services.alerts import digests
from services.assembly import open_lobby
from tests.support.lobbies import settings_for

url, folder, now = sys.argv[1], Path(sys.argv[2]), datetime.fromisoformat(sys.argv[3])
lobby = open_lobby(settings_for(url, folder), clock=lambda: now)
with lobby.database.read() as session:
    (organisation_id,) = digests.due(session, now=now)
with lobby.database.write() as session:
    made = digests.make_due(session, organisation_id, pace=lobby.pace, now=now)
    session.flush()
    os._exit(40 + made)
"""


@pytest.fixture
def due(desk: Desk) -> Desk:
    """A desk with one digest that is due."""
    desk.wants()
    desk.at(12, 20)
    desk.sign("Ann Ferncastle")
    desk.at(13)
    return desk


def count(desk: Desk) -> tuple[int, int]:
    """Counts digests and their messages."""
    with desk.lobby.database.read() as session:
        queued = select(OutboxMessage).where(OutboxMessage.kind == MessageKind.ALERT_DIGEST)
        return len(session.exec(select(AlertDigest)).all()), len(session.exec(queued).all())


def die_before_the_commit(desk: Desk) -> None:
    """Lets another process make the digests and end without a commit."""
    settings = desk.lobby.settings
    arguments = [str(settings.database_url), str(settings.data_dir), desk.clock().isoformat()]
    command = [sys.executable, "-c", DIES, *arguments]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 41


@pytest.mark.slow
def test_a_worker_that_dies_before_the_commit_leaves_nothing_and_the_next_tells(due: Desk) -> None:
    die_before_the_commit(due)
    assert count(due) == (0, 0)
    assert len(due.tell()) == 1
    assert count(due) == (1, 1)
    assert due.tell() == []


def test_a_worker_that_dies_after_the_commit_has_told(due: Desk) -> None:
    assert due.make() == 1
    assert count(due) == (1, 1)
    assert due.make() == 0
    while worker.deliver_due(due.lobby):
        pass
    assert len(due.sink.taken) == 1


def test_workers_at_the_same_time_make_one_digest(due: Desk) -> None:
    with due.lobby.database.read() as session:
        (organisation_id,) = digests.due(session, now=due.clock())
    start, made = threading.Barrier(4), []

    def make() -> None:
        start.wait()
        with due.lobby.database.write() as session:
            made.append(
                digests.make_due(session, organisation_id, pace=due.lobby.pace, now=due.clock())
            )

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [0, 0, 0, 1]
    assert count(due) == (1, 1)
