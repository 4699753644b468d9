"""A server that is killed again and again under a crowd."""

import asyncio
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import closing, contextmanager
from dataclasses import dataclass

from core.settings import ROOT, Settings
from drills.crowd import Crowd, Errand
from drills.errors import DrillFailed
from tools.processes import LOBBY, memory_mb
from tools.settings import environment

SERVE = [*LOBBY, "serve", "--port"]
LONGEST_LINGER = 0.03
# Below the ports that a connection gets for itself: it would otherwise now and then get the very
# one that it wants to reach, find itself there, and keep the server from it.
PORTS = range(20_000, 30_000)


@dataclass(frozen=True, slots=True)
class Course:
    """How one half went: good answers a second, and milliseconds that people waited for one, the
    starts of servers among the former and not the latter; how often a server was `busy` (503), and
    its `memory` (VmRSS) in MB at the end. `unacknowledged` were written, and their people gave up.
    """

    unacknowledged: int
    answers_a_second: float
    p50: float
    p99: float
    longest: float
    busy: int
    memory: float


class Server:
    """`lobby serve` in a process of its own."""

    def __init__(self, settings: Settings) -> None:
        self.port = _free_port()
        self._log = settings.data_dir / "server.log"
        self._environment = environment(settings)

    def start(self) -> None:
        """Returns before it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*SERVE, str(self.port)], cwd=ROOT, env=self._environment, stdout=log, stderr=log
            )

    async def answers(self) -> None:
        """Until it does. DrillFailed where it ended, or takes far too long."""
        ends = time.monotonic() + 120
        while time.monotonic() < ends:
            if self._process.poll() is not None:
                raise DrillFailed(f"the server ended by itself; its log is {self._log}")
            with closing(socket.socket()) as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            await asyncio.sleep(0.02)
        raise DrillFailed("the server does not answer")

    def kill(self) -> None:
        """With SIGKILL; DrillFailed where it had ended by something else."""
        self._process.kill()
        if self._process.wait() != -signal.SIGKILL:
            raise DrillFailed(f"the server ended by itself; its log is {self._log}")

    @property
    def memory(self) -> float:
        """VmRSS, in MB."""
        return memory_mb(self._process.pid)


@contextmanager
def serving(settings: Settings) -> Iterator[Server]:
    """A server that has been started; killed at the end."""
    server = Server(settings)
    server.start()
    try:
        yield server
    finally:
        server.kill()


class Storm:
    """A crowd, and a server that is killed under it."""

    def __init__(self, crowd: Crowd, server: Server, chance: random.Random) -> None:
        self._crowd, self._server, self._chance = crowd, server, chance
        self.killed_at_work = 0

    async def opens(self) -> None:
        """Once the server answers."""
        await self._server.answers()
        self._crowd.gate.set()

    async def passes(
        self,
        errand: Errand,
        numbers: Sequence[int],
        kills: int,
        *,
        written: Callable[[Set[int]], int],
    ) -> Course:
        """So many kills while people go about an errand, and then calm for those who gave up.
        `written` tells how many of these the database has."""
        begun = time.perf_counter()
        await self._rages(errand, numbers, kills)
        rate = errand.answered / (time.perf_counter() - begun)
        unacknowledged = written(errand.sent.keys() - errand.acknowledged.keys())
        await self._calms(errand)
        p50, p99, longest = (_share(errand.waits, share) for share in (0.5, 0.99, 1))
        memory = self._server.memory
        return Course(unacknowledged, rate, p50, p99, longest, errand.busy, memory)

    async def _rages(self, errand: Errand, numbers: Sequence[int], kills: int) -> None:
        """Until everybody is answered or has given up."""
        async with asyncio.timeout(120 + 30 * kills + len(numbers) / 30):
            crowd = asyncio.create_task(self._crowd.run(errand, numbers, are_patient=False))
            try:
                await self._harass(errand, len(numbers), kills, crowd)
                await crowd
            finally:
                crowd.cancel()

    async def _calms(self, errand: Errand) -> None:
        """Those who gave up come back, and stay until they are answered."""
        came_back = sorted(errand.gave_up)
        errand.gave_up.clear()
        async with asyncio.timeout(120 + len(came_back) / 30):
            await self._crowd.run(errand, came_back, are_patient=True)
        if errand.gave_up:
            raise DrillFailed(f"{len(errand.gave_up)} got no good answer: {errand.wrong}")

    async def _harass(
        self, errand: Errand, total: int, kills: int, crowd: asyncio.Task[None]
    ) -> None:
        """Kill and start again at once, spread over the whole of the work."""
        for number in range(kills):
            target = int((number + self._chance.random()) * total / (kills + 1))
            while errand.answered <= target and not crowd.done():
                await asyncio.sleep(0.002)
            await asyncio.sleep(self._chance.uniform(0, LONGEST_LINGER))
            self.killed_at_work += errand.under_way > 0
            self._crowd.gate.clear()
            self._server.kill()
            self._server.start()
            await self.opens()


def _free_port() -> int:
    for port in random.sample(PORTS, 100):
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise DrillFailed("no port is free")


def _share(waits: list[float], share: float) -> float:
    """Milliseconds within which that share of the answers came."""
    ordered = sorted(waits)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000
