"""Signs while strangers hold slow connections and try passwords, and measures both.

Three kinds of slow connections, opened again as soon as the server ends them: a third sends one
byte of its headers a second, a third sends half of a body, and a third sends nothing. Beside them
people sign in with wrong passwords, each time from another address to another account, so that no
rate limit stops them. Meanwhile other people sign at a steady pace. Each round measures signing
alone, and then beside all this, so that other load on the machine affects both.

`python -m drills.slow_clients` prints Markdown tables. See docs/operators/drills.md.
"""

import argparse
import asyncio
import itertools
import json
import random
import signal
import statistics
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import cast

import uvloop

from core import open_files
from core.settings import Settings
from drills.clients import Connection
from drills.errors import DrillFailed
from drills.killed_server import Server, serving
from services.assembly import open_lobby
from tools import sample_data
from tools.databases import fresh_database
from tools.settings import throwaway_settings
from web.base import form_tokens

SLUG = "keep-nhs-professionals-public"
KINDS = ("headers", "body", "nothing")
MOST_SLOW, MOST_PEOPLE, MOST_SECONDS, MOST_ROUNDS = 3000, 200, 120, 10
PAUSE = 0.25  # seconds between two signatures of one person
LONGEST_P95 = 1.0  # seconds: more is a fault, also on a busy machine
CREATED, BUSY = 201, (429, 503)
_HEAD = f"POST /v1/petitions/{SLUG}/signatures HTTP/1.1\r\nHost: localhost\r\n"
_VISITOR = "v" * 43  # as the cookie that comes with the form to sign in
_FORM_TOKEN = form_tokens.of_session(_VISITOR)
_STARTS = {
    "headers": f"{_HEAD}X-Slow: ".encode(),
    "body": f'{_HEAD}Content-Length: 500\r\n\r\n{{"name"'.encode(),
    "nothing": b"",
}


@dataclass(frozen=True, slots=True)
class Drill:
    """The size of a drill. Each of the `rounds` takes twice as many seconds."""

    signers: int = 64
    slow: int = 900
    sign_ins: int = 40
    seconds: int = 30
    rounds: int = 2

    def __post_init__(self) -> None:
        people_fit = 1 <= self.signers <= MOST_PEOPLE and 1 <= self.sign_ins <= MOST_PEOPLE
        time_fits = 1 <= self.seconds <= MOST_SECONDS and 1 <= self.rounds <= MOST_ROUNDS
        if not (people_fit and time_fits and 3 <= self.slow <= MOST_SLOW):
            raise ValueError(
                f"at most {MOST_PEOPLE} signers and sign-ins, {MOST_SLOW} slow connections, "
                f"{MOST_SECONDS} seconds and {MOST_ROUNDS} rounds"
            )


@dataclass(slots=True)
class Signing:
    """The seconds until each answer of one kind of phase, and how often each status came."""

    waits: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def p95(self) -> float:
        """The seconds within which 95% of the answers came."""
        return sorted(self.waits)[int(len(self.waits) * 0.95)]


@dataclass(slots=True)
class Report:
    """What a drill saw. `ends` counts by kind how the server ended slow connections."""

    alone: Signing = field(default_factory=Signing)
    beside: Signing = field(default_factory=Signing)
    sign_ins: Signing = field(default_factory=Signing)
    ends: dict[str, Counter[str]] = field(
        default_factory=lambda: {kind: Counter() for kind in KINDS}
    )
    most_open: int = 0
    memory: list[float] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """Returns what must not be."""
        statuses = self.alone.statuses + self.beside.statuses
        return [
            *(f"{count} signatures got {s}" for s, count in statuses.items() if s != CREATED),
            *(["signing was too slow"] if self.beside.p95 > LONGEST_P95 else []),
        ]


def run(drill: Drill, settings: Settings) -> Report:
    """Drills one server. The database of `settings` must be empty."""
    lobby = open_lobby(settings)
    try:
        sample_data.load_demonstration(lobby)
    finally:
        lobby.close()
    with serving(settings) as server:
        return uvloop.run(Crowd(drill, server).run())


class SlowConnection(asyncio.Protocol):
    """Sends its start, and waits until the server ends it."""

    def __init__(self, kind: str) -> None:
        self.kind, self._received = kind, b""
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class
        self.transport.write(_STARTS[self.kind])

    def data_received(self, data: bytes) -> None:
        self._received += data

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        if not self.ended.done():
            self.ended.set_result(self._received[9:12].decode() or "no answer")


class Crowd:
    """All clients of one drill, in one event loop."""

    def __init__(self, drill: Drill, server: Server) -> None:
        self._drill, self._server = drill, server
        self._numbers = itertools.count(1)
        self._open: set[SlowConnection] = set()
        self._report = Report()

    async def run(self) -> Report:
        """Returns the report of all rounds."""
        await self._server.answers()
        await self._sign(Signing(), seconds=1)  # warms up
        for _ in range(self._drill.rounds):
            self._note_memory()
            await self._sign(self._report.alone, seconds=self._drill.seconds)
            async with self._trouble():
                await self._sign(self._report.beside, seconds=self._drill.seconds)
                self._note_memory()
        await asyncio.sleep(0.1)  # the connections close
        return self._report

    def _note_memory(self) -> None:
        self._report.memory.append(self._server.memory)

    async def _sign(self, signing: Signing, *, seconds: int) -> None:
        ends = time.monotonic() + seconds
        await asyncio.gather(*(self._sign_one(signing, ends) for _ in range(self._drill.signers)))

    async def _sign_one(self, signing: Signing, ends: float) -> None:
        connection = await self._connect()
        while time.monotonic() < ends:
            await asyncio.sleep(random.uniform(0.5, 1.5) * PAUSE)
            await _ask(connection, _signature(next(self._numbers)), signing)
        connection.close()

    @asynccontextmanager
    async def _trouble(self) -> AsyncIterator[None]:
        drill = self._drill
        tasks = [
            *(asyncio.create_task(self._be_slow(KINDS[n % len(KINDS)])) for n in range(drill.slow)),
            *(asyncio.create_task(self._try_passwords()) for _ in range(drill.sign_ins)),
            asyncio.create_task(self._dribble()),
        ]
        try:
            await asyncio.sleep(0)
            yield
            failed = [task for task in tasks if task.done()]
            if failed:
                raise DrillFailed(f"{len(failed)} clients stopped: {failed[0]}")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _be_slow(self, kind: str) -> None:
        """Keeps one slow connection open, and counts how the server ends it."""
        loop = asyncio.get_running_loop()
        make, address = partial(SlowConnection, kind), ("127.0.0.1", self._server.port)
        while True:
            _, connection = await loop.create_connection(make, *address)
            self._open.add(connection)
            self._report.most_open = max(self._report.most_open, len(self._open))
            try:
                self._report.ends[kind][await connection.ended] += 1
            finally:
                self._open.discard(connection)
                connection.transport.abort()

    async def _dribble(self) -> None:
        while True:
            await asyncio.sleep(1)
            for connection in tuple(self._open):
                if connection.kind == "headers":
                    connection.transport.write(b"a")

    async def _try_passwords(self) -> None:
        connection = await self._connect()
        try:
            while True:
                request = _sign_in(next(self._numbers))
                status = await _ask(connection, request, self._report.sign_ins)
                await asyncio.sleep(PAUSE if status in BUSY else 0)
        finally:
            connection.close()

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        return (await loop.create_connection(Connection, "127.0.0.1", self._server.port))[1]


async def _ask(connection: Connection, request: bytes, signing: Signing) -> int:
    started = time.perf_counter()
    answer = await connection.ask(request)
    if answer is None:
        raise DrillFailed("a connection broke")
    signing.waits.append(time.perf_counter() - started)
    signing.statuses[answer.status] += 1
    return answer.status


def _signature(number: int) -> bytes:
    email = f"person{number:08}@example.org"
    body = json.dumps({"name": "Anna Example", "email": email, "postcode": "EH1 1YZ"}).encode()
    head = f"{_HEAD}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _sign_in(number: int) -> bytes:
    """`lobby serve` takes a client's address from its own machine's word, as from a proxy's."""
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    fields = f"email=nobody{number}%40example.org&password=not+this+one&form_token={_FORM_TOKEN}"
    body = fields.encode()
    head = (
        f"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {address}\r\n"
        f"Cookie: lobby_form={_VISITOR}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def tables(reports: Sequence[tuple[str, Report]]) -> Iterator[str]:
    """Yields the lines of Markdown tables."""
    yield "| database | signing | signatures | median ms | p95 ms | longest ms | statuses |"
    yield "|---|---|---|---|---|---|---|"
    for backend, report in reports:
        phases = {"alone": report.alone, "beside": report.beside, "(sign-ins)": report.sign_ins}
        for name, phase in phases.items():
            times = (statistics.median(phase.waits), phase.p95, max(phase.waits))
            cells = [backend, name, f"{len(phase.waits):,}"]
            cells += [f"{seconds * 1000:.1f}" for seconds in times]
            yield f"| {' | '.join(cells)} | {_counts(phase.statuses)} |"
    yield "\n| database | open at once | headers | body | nothing | memory MB, alone and beside |"
    yield "|---|---|---|---|---|---|"
    for backend, report in reports:
        ends = " | ".join(_counts(report.ends[kind]) for kind in KINDS)
        memory = ", ".join(f"{size:.0f}" for size in report.memory)
        yield f"| {backend} | {report.most_open} | {ends} | {memory} |"


def _counts(counter: Counter[int] | Counter[str]) -> str:
    return ", ".join(f"{count} x {name}" for name, count in counter.items()) or "none ended"


def main() -> None:
    """Exits with status 1 when a signature was refused, or signing was too slow."""
    parser = argparse.ArgumentParser(prog="drills.slow_clients", description=__doc__)
    for name in ("signers", "slow", "sign_ins", "seconds", "rounds"):
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=int, default=getattr(Drill(), name))
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    arguments = vars(parser.parse_args())
    only = arguments.pop("only")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    open_files.raise_limit(2 * MOST_SLOW)
    reports = []
    for backend in ("sqlite", "postgresql"):
        if only in (None, backend):
            with fresh_database(backend) as (folder, url):
                settings = throwaway_settings(folder, url)
                reports.append((backend, run(Drill(**arguments), settings)))
    print("\n".join(tables(reports)), flush=True)
    faults = [f"{backend}: {fault}" for backend, report in reports for fault in report.faults]
    print("\n".join(faults), file=sys.stderr)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
