"""A server in a process of its own that is killed again and again under load."""

import asyncio
import random
import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from contextlib import closing, contextmanager
from dataclasses import dataclass

from core.settings import ROOT, Settings
from drills.clients import ClientPool, Workload
from drills.errors import DrillFailed
from tools.forked_commands import Fork
from tools.processes import memory_mb
from tools.settings import environment

SERVE = ["lobby", "serve", "--port"]
LONGEST_LINGER = 0.03
_BESIDE = 8  # connections
# Below the ephemeral ports: a client that connects while the server is down could otherwise get the
# server's own port as its local one, connect to itself, and keep the server from binding it.
PORTS = range(20_000, 30_000)


@dataclass(frozen=True, slots=True)
class PhaseResult:
    """The figures of one phase of a drill.

    `answers_a_second` counts good answers and includes the time of restarts; `p50`, `p99` and
    `longest` are milliseconds until a good answer, and do not. `busy` counts the answers that asked
    to retry. `memory` is the server's VmRSS in MB at the end. `unacknowledged` requests had been
    committed when their clients gave up.
    """

    unacknowledged: int
    answers_a_second: float
    p50: float
    p99: float
    longest: float
    busy: int
    memory: float


class Server:
    """A process of `lobby serve` that can be killed and started again on the same port."""

    def __init__(self, settings: Settings) -> None:
        self.port = _free_port()
        self._log = settings.data_dir / "server.log"
        self._environment = environment(settings)

    def start(self) -> None:
        """Starts the process, and does not wait until it answers."""
        command, log = [*SERVE, str(self.port)], self._log
        self._process = Fork(command, cwd=ROOT, env=self._environment, out=log, err=log)

    async def answers(self) -> None:
        """Waits for an answer. Raises DrillFailed when the process has ended or takes too long."""
        ends = time.monotonic() + 120
        while time.monotonic() < ends:
            if self._process.poll() is not None:
                raise DrillFailed(f"the server had ended; its log is {self._log}")
            with closing(socket.socket()) as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            await asyncio.sleep(0.02)
        raise DrillFailed("the server does not answer")

    def kill(self) -> None:
        """Sends SIGKILL. Raises DrillFailed when the process had already ended."""
        self._process.kill()
        if self._process.wait() != -signal.SIGKILL:
            raise DrillFailed(f"the server had ended; its log is {self._log}")

    @property
    def memory(self) -> float:
        """The resident memory of the process in MB (VmRSS)."""
        return memory_mb(self._process.pid)


@contextmanager
def serving(settings: Settings) -> Iterator[Server]:
    """Starts a server, and kills it at the end."""
    server = Server(settings)
    server.start()
    try:
        yield server
    finally:
        server.kill()


class FaultInjector:
    """Runs workloads against a server, and kills the server meanwhile."""

    def __init__(self, pool: ClientPool, server: Server, chance: random.Random) -> None:
        self._pool, self._server, self._chance = pool, server, chance
        self.killed_at_work = 0

    async def wait_until_serving(self) -> None:
        """Waits until the server answers, and lets the clients connect."""
        await self._server.answers()
        self._pool.is_serving.set()

    async def run_phase(
        self,
        workload: Workload,
        numbers: Sequence[int],
        kills: int,
        *,
        written: Callable[[Set[int]], int],
    ) -> PhaseResult:
        """Runs a workload under `kills` kills, then once more, without, for those who gave up.

        `written` returns how many of some numbers are committed in the database.
        """
        started_at = time.perf_counter()
        await self._run_with_kills(workload, numbers, kills)
        rate = workload.answered / (time.perf_counter() - started_at)
        unacknowledged = written(workload.sent.keys() - workload.acknowledged.keys())
        await self._run_in_peace(workload)
        p50, p99, longest = (_share(workload.waits, share) for share in (0.5, 0.99, 1))
        memory = self._server.memory
        return PhaseResult(unacknowledged, rate, p50, p99, longest, workload.busy, memory)

    async def run_beside(self, workload: Workload, numbers: Iterable[int]) -> None:
        """Runs another workload while a phase is under way, until all have a good answer."""
        pool = ClientPool(self._server.port, _BESIDE)
        pool.is_serving = self._pool.is_serving
        await pool.run(workload, list(numbers), are_patient=True)

    async def _run_with_kills(self, workload: Workload, numbers: Sequence[int], kills: int) -> None:
        async with asyncio.timeout(120 + 30 * kills + len(numbers) / 30):
            clients = asyncio.create_task(self._pool.run(workload, numbers, are_patient=False))
            try:
                await self._kill_repeatedly(workload, len(numbers), kills, clients)
                await clients
            finally:
                clients.cancel()

    async def _run_in_peace(self, workload: Workload) -> None:
        """Sends the requests again that were given up, until all have a good answer."""
        came_back = sorted(workload.gave_up)
        workload.gave_up.clear()
        async with asyncio.timeout(120 + len(came_back) / 30):
            await self._pool.run(workload, came_back, are_patient=True)
        if workload.gave_up:
            raise DrillFailed(f"{len(workload.gave_up)} got no good answer: {workload.wrong}")

    async def _kill_repeatedly(
        self, workload: Workload, total: int, kills: int, clients: asyncio.Task[None]
    ) -> None:
        """Kills and restarts the server at random moments, spread over all of the work."""
        for number in range(kills):
            target = int((number + self._chance.random()) * total / (kills + 1))
            while workload.answered <= target and not clients.done():
                await asyncio.sleep(0.002)
            await asyncio.sleep(self._chance.uniform(0, LONGEST_LINGER))
            self.killed_at_work += workload.under_way > 0
            self._pool.is_serving.clear()
            self._server.kill()
            self._server.start()
            await self.wait_until_serving()


def _free_port() -> int:
    for port in random.sample(PORTS, 100):
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise DrillFailed("no port is free")


def _share(waits: list[float], share: float) -> float:
    """Returns the milliseconds within which this share of the answers came."""
    ordered = sorted(waits)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000
