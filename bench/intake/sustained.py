"""Signing for some time, while the same process sorts what was signed and sends the emails.

`lobby serve` runs with its worker inline, and sends to a sink on loopback that answers at once.
When the load ends, the bench counts what was sorted and sent meanwhile. Then it waits for the rest,
at most `LONGEST` times as long as the load.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from bench.intake.load import Bench, signatures
from bench.intake.starter import E, Server, Starter
from services.assembly import Lobby
from tools import smtp_sink
from tools.settings import UNREACHABLE

MOST_A_SECOND = 15_000
"""The load has requests for so many; a faster server ends it early."""
LONGEST = 4
LOOK_EVERY = 0.25  # seconds
HEAD = (
    "| server | a second | of E | p50 ms | p99 ms | CPU us a request | sorted meanwhile "
    "| sent meanwhile | all sorted after | all sent after |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)
_NEW = sa.text("SELECT count(*) FROM submission WHERE state = 'new'")


@dataclass(frozen=True, slots=True)
class Run:
    """One run: the load's figures, the shares that were sorted and sent during the load, and the
    seconds after it until everything was; negative where that took longer than the bench waits."""

    rate: float
    p50: float
    p99: float
    cpu: float
    is_sorted: float = 0.0
    is_sent: float = 0.0
    sorted_after: float = 0.0
    sent_after: float = 0.0


def table(starter: Starter, *, clients: int, seconds: float, rounds: int) -> None:
    """Prints a row for each server, with medians of the rounds."""
    sink = starter.folder / "sink.tsv"
    address = starter.stack.enter_context(smtp_sink.running(sink, "--calm", "--unsynced"))
    prepared = starter.prepare_services(
        worker="inline",
        smtp_url=address,
        mail_from="Central Lobby <post@lobby.example.org>",
        motions_api_url=UNREACHABLE,
        members_api_url=UNREACHABLE,
    )
    most = int(MOST_A_SECOND * seconds)
    servers = [starter.empty(), *starter.start_all(prepared)]
    bench = Bench(starter.folder, servers, clients, most, rounds)
    runs: dict[str, list[Run]] = {server.name: [] for server in bench.servers}
    for server in bench.in_turns():
        runs[server.name].append(_run(bench, server, seconds, sink))
    print(f"\nSigning for {seconds:.0f} s with the worker inline, {clients} at once:\n\n{HEAD}")
    for name, measured in runs.items():
        print(_row(name, measured, runs[E]), flush=True)


def _run(bench: Bench, server: Server, seconds: float, sink: Path) -> Run:
    if server.name == E:
        return Run(*_load(bench, server, seconds)[:4])
    with server.database() as lobby:
        _wait(lambda: not _unsorted(lobby), seconds * LONGEST)
        sent_before = _resting(sink)
        rate, p50, p99, cpu, signed = _load(bench, server, seconds)
        ended = time.monotonic()
        is_sorted = 1 - _unsorted(lobby) / signed
        is_sent = (_lines(sink) - sent_before) / signed
        sorted_after = _wait(lambda: not _unsorted(lobby), seconds * LONGEST)
        left = seconds * LONGEST - (time.monotonic() - ended)
        sent_after = _wait(lambda: _lines(sink) - sent_before >= signed, left)
    if sorted_after >= 0 and sent_after >= 0:
        sent_after += sorted_after
    return Run(rate, p50, p99, cpu, is_sorted, is_sent, sorted_after, sent_after)


def _load(bench: Bench, server: Server, seconds: float) -> tuple[float, float, float, float, int]:
    result = bench.load(server, signatures, seconds=seconds)
    return result["rate"], result["p50"], result["p99"], result["cpu"], result["answers"]


def _unsorted(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        return int(session.connection().execute(_NEW).scalar_one())


def _lines(sink: Path) -> int:
    return sink.read_bytes().count(b"\n")


def _resting(sink: Path) -> int:
    """Waits until the sink gets nothing for a second, and returns how many emails it has."""
    lines = -1
    while lines != (lines := _lines(sink)):
        time.sleep(1)
    return lines


def _wait(is_done: Callable[[], bool], longest: float) -> float:
    """Returns the seconds until something is done; a negative number if it was not in time."""
    start = time.monotonic()
    while not is_done():
        if time.monotonic() - start > longest:
            return -longest
        time.sleep(LOOK_EVERY)
    return time.monotonic() - start


def _row(name: str, runs: list[Run], empty: list[Run]) -> str:
    share = statistics.median(run.rate / e.rate for run, e in zip(runs, empty, strict=True))
    middle = {
        part: statistics.median(getattr(run, part) for run in runs)
        for part in Run.__dataclass_fields__
    }
    head = (
        f"| {name} | {middle['rate']:,.0f} | {share:.2f} | {middle['p50']:.1f} "
        f"| {middle['p99']:.1f} | {middle['cpu']:.0f} "
    )
    if name == E:
        return f"{head}| | | | |"
    return (
        f"{head}| {middle['is_sorted']:.0%} | {middle['is_sent']:.0%} "
        f"| {_seconds(middle['sorted_after'])} | {_seconds(middle['sent_after'])} |"
    )


def _seconds(value: float) -> str:
    return f"{value:.0f} s" if value >= 0 else "not in time"
