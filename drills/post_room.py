"""The post room under `kill -9`: nothing lost, nothing doubled. See docs/drills.md."""

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
from drills import ledger
from drills.errors import DrillFailed
from drills.ledger import Found
from models import MessageState, OutboxMessage
from models.base import table_of
from services.assembly import Lobby, open_lobby
from services.letters.uncertain import Settled
from services.mail import outbox
from tools import sample_data, smtp_sink
from tools.processes import LOBBY
from tools.settings import environment

MOST_LETTERS, MOST_KILLS = 12_000, 200
WORKER = [*LOBBY, "worker"]
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
    """What to do: `kills` workers are killed while `letters` letters go out through `workers`."""

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
    """What was found, how many workers were killed at work, and the rate in letters a second."""

    found: Found
    killed_at_work: int
    rate: float


class Crew:
    """Workers, each a real process of the `lobby` command."""

    def __init__(self, settings: Settings, size: int) -> None:
        self._size = size
        self._log = settings.data_dir / "worker.log"
        self._environment = environment(settings)
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start as many as are missing."""
        with self._log.open("ab") as log:
            while len(self._processes) < self._size:
                self._processes.append(
                    subprocess.Popen(
                        WORKER, cwd=ROOT, env=self._environment, stdout=log, stderr=log
                    )
                )

    def kill(self, limit: int) -> int:
        """SIGKILL for all, or for the first `limit`; how many died of it."""
        killed = 0
        for process in self._processes:
            if killed < limit:
                process.kill()
                killed += process.wait() == -signal.SIGKILL
        self.stop()
        return killed

    def stop(self) -> None:
        """Ask the rest to end, as a system does that shuts down; at last, make them."""
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
        """Whether none has ended by itself."""
        return all(process.poll() is None for process in self._processes)


class _Counter:
    """Counts the lines of a record as it grows, without reading any of them twice."""

    def __init__(self, record: Path) -> None:
        self._record, self._read, self._lines = record, 0, 0

    def are_more_than(self, number: int) -> bool:
        """Whether the record has more lines by now."""
        with self._record.open("rb") as file:
            file.seek(self._read)
            new = file.read()
        self._read += len(new)
        self._lines += new.count(b"\n")
        return self._lines > number


def run(drill: Drill, settings: Settings) -> Outcome:
    """Fill the empty database of `settings`, deliver under fire, settle, and compare."""
    record = settings.data_dir / "sink.tsv"
    options = ["--seed", str(drill.seed), *(["--calm"] if drill.is_calm else [])]
    lobby = open_lobby(settings)
    try:
        sample_data.queue_letters(lobby, drill.letters)
        with smtp_sink.running(record, *options) as address:
            crew = Crew(settings.model_copy(update={"smtp_url": address}), drill.workers)
            try:
                killed_at_work = harass(lobby, crew, drill, record)
                finish(lobby, crew, drill)
                rate = ledger.rate(ledger.dots_in(record))
                settled = _settle(lobby, crew, drill, record)
            finally:
                crew.stop()
        found = ledger.compare(lobby, ledger.dots_in(record), settled)
        return Outcome(found, killed_at_work, rate)
    finally:
        lobby.close()


def let_time_pass(lobby: Lobby) -> None:
    """As though a lease and every wait had just ended. Only while no worker lives."""
    now = lobby.clock()
    held = (MessageState.CLAIMED, MessageState.DOT_PENDING)
    long_ago = now - outbox.LEASE - timedelta(seconds=1)
    with lobby.database.write() as session:
        session.connection().execute(
            sa.update(_outbox).where(_outbox.c.state.in_(held)).values(claimed_at=long_ago)
        )
    _end_waits(lobby)


def _end_waits(lobby: Lobby) -> None:
    """Letters that were deferred are due: the wait of a minute or more is not kept."""
    now = lobby.clock()
    with lobby.database.write() as session:
        session.connection().execute(
            sa.update(_outbox)
            .where(_outbox.c.state == MessageState.DEFERRED, _outbox.c.due_at > now)
            .values(due_at=now)
        )


def harass(lobby: Lobby, crew: Crew, drill: Drill, record: Path) -> int:
    """Kill and start again, spread over the whole of the work; how many were killed at work."""
    chance = random.Random(drill.seed)
    rounds = -(-drill.kills // drill.workers)
    left, at_work, dots = drill.kills, 0, _Counter(record)
    for number in range(rounds):
        crew.start()
        spacing = drill.letters / (rounds + 1)
        target = int((number + chance.random()) * spacing)
        _wait(partial(dots.are_more_than, target), crew, drill, lobby)
        time.sleep(chance.uniform(0, LONGEST_LINGER))
        busy = _under_way(lobby) > 0
        killed = crew.kill(left)
        left -= killed
        at_work += killed * busy
        let_time_pass(lobby)
    return at_work


def finish(lobby: Lobby, crew: Crew, drill: Drill) -> None:
    """Let what is left go in peace."""
    crew.start()

    def is_done() -> bool:
        _end_waits(lobby)
        return _under_way(lobby) == 0

    _wait(is_done, crew, drill, lobby, every=0.3)
    crew.kill(drill.workers)  # nothing is under way; to end in order takes seconds


def _settle(lobby: Lobby, crew: Crew, drill: Drill, record: Path) -> list[Settled]:
    """Settle what is uncertain and let a last worker send again what did not go, until all is
    settled: the sink fails still, so that a letter can be uncertain twice."""
    since = lobby.clock() - timedelta(days=1)
    rounds: list[Settled] = []
    while len(rounds) < MOST_ROUNDS:
        settled = ledger.settle(lobby, ledger.dots_in(record), since=since)
        rounds.append(settled)
        if not settled.again:
            break
        finish(lobby, crew, drill)
    return rounds


def _wait(
    condition: Callable[[], bool], crew: Crew, drill: Drill, lobby: Lobby, every: float = 0.005
) -> None:
    """Until it holds; DrillFailed where it takes far too long, or a worker ends by itself."""
    ends = time.monotonic() + 60 + drill.letters / 5
    while not condition():
        if not crew.is_whole:
            raise DrillFailed(f"a worker ended by itself; its log is in {lobby.settings.data_dir}")
        if time.monotonic() > ends:
            with lobby.database.read() as session:
                raise DrillFailed(f"no end in sight: {outbox.counts(session)}")
        time.sleep(every)


def _under_way(lobby: Lobby) -> int:
    statement = sa.select(sa.func.count()).where(_outbox.c.state.in_(UNDER_WAY))
    with lobby.database.read() as session:
        return int(session.connection().execute(statement).scalar_one())
