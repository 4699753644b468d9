"""Signing under `kill -9`: acknowledged = rows = tally. See docs/drills.md.

`python -m drills.signing` prints its figures as tables of Markdown; `--help` tells how to
run less.
"""

import argparse
import asyncio
import json
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import uvloop

from bench.servers import memory_mb
from drills import filling, signature_ledger
from drills.crowd import MOST_CONNECTIONS, Crowd, Errand
from drills.post_room import DrillFailed, environment, settings_of
from drills.postgres import postgres
from drills.signature_ledger import Found, Ledger
from lobby.services.lobby import Lobby, open_lobby
from lobby.services.tokens import Purpose
from lobby.settings import ROOT, Settings

MOST_SIGNATURES, MOST_KILLS = 100_000, 50
SLUG = "keep-nhs-professionals-public"
SERVE = [sys.executable, "-c", "from lobby.cli import main; main()", "serve", "--port"]
POSTCODES = ("EH1 1YZ", "M1 1AE", "CF10 3NQ", "SW1A 0AA", "B1 1BB", "ZZ99 9ZZ")
LONGEST_LINGER = 0.03
# Below the ports that a connection gets for itself: it would otherwise now and then get the very
# one that it wants to reach, find itself there, and keep the server from it.
PORTS = range(20_000, 30_000)


@dataclass(frozen=True, slots=True)
class Drill:
    """What to do: half of the kills while people sign, the others while they confirm."""

    signatures: int = MOST_SIGNATURES
    connections: int = MOST_CONNECTIONS
    kills: int = 20
    seed: int = 2017

    def __post_init__(self) -> None:
        if not (1 <= self.signatures <= MOST_SIGNATURES and 0 <= self.kills <= MOST_KILLS):
            raise ValueError(f"at most {MOST_SIGNATURES} signatures and {MOST_KILLS} kills")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found, with answers a second and times in milliseconds, kills and starts among them;
    `memory` is of the last server, in MB, after its last signature and after all."""

    found: Found
    killed_at_work: int
    busy: int
    signed_a_second: float
    signing_p99: float
    signing_longest: float
    confirmed_a_second: float
    confirming_p99: float
    confirming_longest: float
    memory_signed: float
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
def _serving(settings: Settings) -> Iterator[Server]:
    server = Server(settings)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def run(drill: Drill, settings: Settings) -> Outcome:
    """Load the demonstration into the empty database of `settings`, sign and confirm under fire,
    and compare."""
    lobby = open_lobby(settings)
    try:
        filling.demonstrate(lobby)
        with _serving(settings) as server:
            return uvloop.run(_run(drill, lobby, server))
    finally:
        lobby.close()


async def _run(drill: Drill, lobby: Lobby, server: Server) -> Outcome:
    chance = random.Random(drill.seed)
    crowd = Crowd(server.port, drill.connections)
    people = range(drill.signatures)
    had = signature_ledger.before(lobby, SLUG)
    ledger = Ledger(lobby, SLUG, had, {number: address_of(number) for number in people})
    storm = Storm(crowd, server, chance)
    await storm.opens()

    signing = Errand(signature_request, 201)
    begun = time.perf_counter()
    await storm.rages(signing, with_repeats(drill.signatures, chance), kills=-(-drill.kills // 2))
    signed_for = time.perf_counter() - begun
    broken_rows = ledger.having_row(signing.sent.keys() - signing.acknowledged.keys())
    await storm.calms(signing)
    memory_signed = server.memory

    tokens = {n: lobby.tokens.issue(Purpose.CONFIRM, r.id) for n, r in ledger.rows().items()}
    confirming = Errand(lambda number: confirmation_request(tokens[number]), 200)
    numbers = [number for number in tokens for _ in range(1 if number % 10 else 2)]
    begun = time.perf_counter()
    await storm.rages(confirming, numbers, kills=drill.kills // 2)
    confirmed_for = time.perf_counter() - begun
    unheard = confirming.sent.keys() - confirming.acknowledged.keys()
    broken_confirmed = ledger.having_row(unheard, is_confirmed=True)
    await storm.calms(confirming)
    await asyncio.sleep(1.1)  # what the public reads may be a second old

    found = ledger.compare(
        signing,
        confirming,
        broken_rows=broken_rows,
        broken_confirmed=broken_confirmed,
        told=signature_ledger.api(server.port),
    )
    return Outcome(
        found=found,
        killed_at_work=storm.killed_at_work,
        busy=signing.busy + confirming.busy,
        signed_a_second=signing.answered / signed_for,
        signing_p99=_share(signing.waits, 0.99),
        signing_longest=_share(signing.waits, 1),
        confirmed_a_second=confirming.answered / confirmed_for,
        confirming_p99=_share(confirming.waits, 0.99),
        confirming_longest=_share(confirming.waits, 1),
        memory_signed=memory_signed,
        memory=server.memory,
    )


class Storm:
    """A crowd, and a server that is killed under it."""

    def __init__(self, crowd: Crowd, server: Server, chance: random.Random) -> None:
        self._crowd, self._server, self._chance = crowd, server, chance
        self.killed_at_work = 0

    async def opens(self) -> None:
        """Once the server answers."""
        await self._server.answers()
        self._crowd.gate.set()

    async def rages(self, errand: Errand, numbers: Sequence[int], *, kills: int) -> None:
        """See everybody through whose patience is long enough, with so many kills in between."""
        async with asyncio.timeout(120 + 30 * kills + len(numbers) / 30):
            crowd = asyncio.create_task(self._crowd.run(errand, numbers, are_patient=False))
            try:
                await self._harass(errand, len(numbers), kills, crowd)
                await crowd
            finally:
                crowd.cancel()

    async def calms(self, errand: Errand) -> None:
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


def with_repeats(signatures: int, chance: random.Random) -> list[int]:
    """Everybody, in their order. One in ten signs twice at once, as who clicks twice; and one in a
    hundred signs six times more in between, beyond what one address gets of mails a day."""
    numbers = [number for number in range(signatures) for _ in range(1 if number % 10 else 2)]
    for number in range(1, signatures, 100):
        for _ in range(6):
            numbers.insert(chance.randrange(len(numbers)), number)
    return numbers


def address_of(number: int) -> str:
    """Of one of the drill's people."""
    return f"storm{number}@example.org"


def signature_request(number: int) -> bytes:
    """Half of them answer the question for news, and one in fifty lives abroad."""
    body = {
        "name": f"Anna Example {number}",
        "email": address_of(number),
        "postcode": POSTCODES[number % len(POSTCODES)],
        "country": "GB" if number % 50 else "FR",
        "consents": {"updates": True} if number % 2 else {},
    }
    return _request(f"/v1/petitions/{SLUG}/signatures", body)


def confirmation_request(token: str) -> bytes:
    """What the button of the page behind the link in the mail does."""
    return _request("/v1/signatures/confirm", {"token": token})


def _request(path: str, body: object) -> bytes:
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: drill\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


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


def main() -> None:
    """Run what is asked for; status 1 where a promise was broken."""
    told = _arguments()
    # Without it, the end of the drill would leave its server running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    drill = Drill(told.signatures, told.connections, told.kills)
    names = [field.name for field in fields(Found)]
    rest = [field.name for field in fields(Outcome)][1:]
    cells = [name.replace("_", " ") for name in ("database", "connections", *names, *rest)]
    print(f"| {' | '.join(cells)} |\n|{'---|' * len(cells)}", flush=True)
    is_good = True
    for backend in ("sqlite", "postgresql"):
        if told.only in (None, backend):
            outcome = _run_on(backend, drill)
            is_good = is_good and not outcome.found.faults
            row = [backend, drill.connections, *(getattr(outcome.found, name) for name in names)]
            row += [f"{getattr(outcome, name):.0f}" for name in rest]
            print(f"| {' | '.join(map(str, row))} |", flush=True)
    sys.exit(0 if is_good else 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="drills.signing", description=__doc__)
    parser.add_argument("--signatures", type=int, default=MOST_SIGNATURES)
    parser.add_argument("--connections", type=int, default=MOST_CONNECTIONS)
    parser.add_argument("--kills", type=int, default=20, help="half of them while people confirm")
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    return parser.parse_args()


def _run_on(backend: str, drill: Drill) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="drill-") as name:
        folder = Path(name)
        if backend == "sqlite":
            return run(drill, settings_of(folder))
        with postgres(folder / "pg") as url:
            return run(drill, settings_of(folder, url))


if __name__ == "__main__":
    main()
