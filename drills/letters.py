"""Kills workers with `kill -9` while they send letters: none may be lost or sent twice.

See docs/operators/drills.md.
"""

import random
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from core.settings import ROOT, Settings
from drills import letter_audit
from drills.errors import DrillFailed
from drills.letter_audit import LetterReport
from models import MessageState, OutboxMessage
from models.base import table_of
from services.assembly import Lobby, open_lobby
from services.letters.uncertain import SettlementResult
from services.mail import outbox
from tools import sample_data, smtp_sink
from tools.forked_commands import Fork
from tools.settings import environment

MOST_LETTERS, MOST_KILLS = 12_000, 200
WORKER = ["lobby", "worker"]
UNDER_WAY = (
    MessageState.QUEUED,
    MessageState.CLAIMED,
    MessageState.DOT_PENDING,
    MessageState.DEFERRED,
)
LONGEST_LINGER = 0.03
MOST_ROUNDS = 20
_outbox = table_of(OutboxMessage)


@dataclass(frozen=True, slots=True)
class Drill:
    """The size of a drill: `kills` workers are killed while `workers` workers send the letters.

    `is_calm`: the sink accepts every message at once.
    """

    letters: int = MOST_LETTERS
    kills: int = MOST_KILLS
    workers: int = 1
    seed: int = 2017
    is_calm: bool = False

    def __post_init__(self) -> None:
        if not (1 <= self.letters <= MOST_LETTERS and 0 <= self.kills <= MOST_KILLS):
            raise ValueError(f"at most {MOST_LETTERS} letters and {MOST_KILLS} kills")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a drill. `rate` is in letters per second.

    `killed_at_work` counts the workers that were killed while messages were under way.
    """

    report: LetterReport
    killed_at_work: int
    rate: float


class WorkerPool:
    """Processes of `lobby worker`."""

    def __init__(self, settings: Settings, size: int) -> None:
        self._size = size
        self._log = settings.data_dir / "worker.log"
        self._environment = environment(settings)
        self._processes: list[Fork] = []

    def start(self) -> None:
        """Starts the processes that are missing."""
        log, env = self._log, self._environment
        while len(self._processes) < self._size:
            self._processes.append(Fork(WORKER, cwd=ROOT, env=env, out=log, err=log))

    def kill(self, limit: int) -> int:
        """Sends SIGKILL to at most `limit` processes, and ends the others in order.

        Returns how many died of SIGKILL.
        """
        killed = 0
        for process in self._processes:
            if killed < limit:
                process.kill()
                killed += process.wait() == -signal.SIGKILL
        self.stop()
        return killed

    def stop(self) -> None:
        """Sends SIGTERM to the processes that are left, and SIGKILL after 20 seconds."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()

    @property
    def is_whole(self) -> bool:
        """Returns whether all processes are still running."""
        return all(process.poll() is None for process in self._processes)


class _LineCounter:
    """Counts the lines of a growing file, and reads each of them once."""

    def __init__(self, record: Path) -> None:
        self._record, self._read, self._lines = record, 0, 0

    def has_more_than(self, number: int) -> bool:
        with self._record.open("rb") as file:
            file.seek(self._read)
            new = file.read()
        self._read += len(new)
        self._lines += new.count(b"\n")
        return self._lines > number


def run(drill: Drill, settings: Settings) -> Outcome:
    """Fills the empty database of `settings`, sends under kills, settles, and compares."""
    record = settings.data_dir / "sink.tsv"
    options = ["--seed", str(drill.seed), *(["--calm"] if drill.is_calm else [])]
    lobby = open_lobby(settings)
    try:
        sample_data.queue_letters(lobby, drill.letters)
        with smtp_sink.running(record, *options) as address:
            workers = WorkerPool(settings.model_copy(update={"smtp_url": address}), drill.workers)
            try:
                killed_at_work = kill_workers(lobby, workers, drill, record)
                drain(lobby, workers, drill)
                rate = letter_audit.rate(smtp_sink.entries_in(record))
                settled = _settle_all(lobby, workers, drill, record)
            finally:
                workers.stop()
        report = letter_audit.compare(lobby, smtp_sink.entries_in(record), settled)
        return Outcome(report, killed_at_work, rate)
    finally:
        lobby.close()


def let_time_pass(lobby: Lobby) -> None:
    """Makes every lease and wait end now. No worker may be running."""
    now = lobby.clock()
    claimed = (MessageState.CLAIMED, MessageState.DOT_PENDING)
    long_ago = now - outbox.LEASE - timedelta(seconds=1)
    with lobby.database.write() as session:
        session.connection().execute(
            sa.update(_outbox).where(_outbox.c.state.in_(claimed)).values(claimed_at=long_ago)
        )
    _end_waits(lobby)


def _end_waits(lobby: Lobby) -> None:
    """Makes deferred messages due: a drill cannot wait for the minutes that they would."""
    now = lobby.clock()
    with lobby.database.write() as session:
        session.connection().execute(
            sa.update(_outbox)
            .where(_outbox.c.state == MessageState.DEFERRED, _outbox.c.due_at > now)
            .values(due_at=now)
        )


def kill_workers(lobby: Lobby, workers: WorkerPool, drill: Drill, record: Path) -> int:
    """Kills and restarts the workers at random moments, spread over all of the work.

    Returns how many of them were killed while messages were under way.
    """
    chance = random.Random(drill.seed)
    rounds = -(-drill.kills // drill.workers)
    left, killed_at_work, entries = drill.kills, 0, _LineCounter(record)
    for number in range(rounds):
        workers.start()
        spacing = drill.letters / (rounds + 1)
        target = int((number + chance.random()) * spacing)
        _wait(partial(entries.has_more_than, target), workers, drill, lobby)
        time.sleep(chance.uniform(0, LONGEST_LINGER))
        busy = _under_way(lobby) > 0
        killed = workers.kill(left)
        left -= killed
        killed_at_work += killed * busy
        let_time_pass(lobby)
    return killed_at_work


def drain(lobby: Lobby, workers: WorkerPool, drill: Drill) -> None:
    """Waits until everything is sent, without kills."""
    workers.start()

    def is_done() -> bool:
        _end_waits(lobby)
        return _under_way(lobby) == 0

    _wait(is_done, workers, drill, lobby, every=0.3)
    workers.kill(drill.workers)  # nothing is under way, and an orderly end takes seconds


def _settle_all(
    lobby: Lobby, workers: WorkerPool, drill: Drill, record: Path
) -> list[SettlementResult]:
    """Settles uncertain letters and sends again those that had not gone, until none is left.

    The sink still fails now and then, so a letter can become uncertain twice.
    """
    since = lobby.clock() - timedelta(days=1)
    rounds: list[SettlementResult] = []
    while len(rounds) < MOST_ROUNDS:
        settled = letter_audit.settle(lobby, smtp_sink.entries_in(record), since=since)
        rounds.append(settled)
        if not settled.again:
            break
        drain(lobby, workers, drill)
    return rounds


def _wait(
    condition: Callable[[], bool],
    workers: WorkerPool,
    drill: Drill,
    lobby: Lobby,
    every: float = 0.005,
) -> None:
    """Waits for a condition. Raises DrillFailed when it takes too long or a worker has ended."""
    ends = time.monotonic() + 60 + drill.letters / 5
    while not condition():
        if not workers.is_whole:
            raise DrillFailed(f"a worker has ended; its log is in {lobby.settings.data_dir}")
        if time.monotonic() > ends:
            with lobby.database.read() as session:
                raise DrillFailed(f"no end in sight: {outbox.counts(session)}")
        time.sleep(every)


def _under_way(lobby: Lobby) -> int:
    statement = sa.select(sa.func.count()).where(_outbox.c.state.in_(UNDER_WAY))
    with lobby.database.read() as session:
        return int(session.connection().execute(statement).scalar_one())
