"""How soon servers are ready, and how much memory their processes take.

The baseline is the smallest FastAPI application, which has nothing of the service
(`bench.empty_app`). E has the schemas of a signature too, and these import much of the service.
Every start is of a new process, and its time ends with the first good answer. Memory is RSS, which
contains libraries that processes share.
"""

import statistics
import time
from dataclasses import dataclass

from bench.intake.load import Bench, signatures
from bench.intake.starter import E, Starter
from tools.processes import memory_mb

EMPTY_APP = "empty app"
HEAD = (
    "| server | ready after, s | MB when ready | of the empty app | MB after signing "
    "| of the empty app |\n|---|---|---|---|---|---|"
)


@dataclass(frozen=True, slots=True)
class Start:
    """One start: seconds until it was ready, and MB then and after a load."""

    seconds: float
    ready: float
    used: float


def table(starter: Starter, *, requests: int, rounds: int) -> None:
    """Prints medians of the starts, one in each round."""
    prepared = [
        starter.prepare_empty(EMPTY_APP, "empty_app"),
        starter.prepare_empty(E, "empty_endpoint"),
        *starter.prepare_services(),
    ]
    starts: dict[str, list[Start]] = {each.name: [] for each in prepared}
    for _ in range(rounds):
        for each in prepared:
            began = time.perf_counter()
            with each.serving() as server:
                seconds = time.perf_counter() - began
                ready = memory_mb(server.pid)
                Bench(starter.folder, [server], 64, requests, 1).run(server, signatures)
                starts[each.name].append(Start(seconds, ready, memory_mb(server.pid)))
    print(f"\nStart-up and memory, with {requests:,} signatures:\n\n{HEAD}")
    empty = _medians(starts[EMPTY_APP])
    for name, measured in starts.items():
        own = _medians(measured)
        print(
            f"| {name} | {own.seconds:.2f} | {own.ready:.0f} | {own.ready / empty.ready:.2f} "
            f"| {own.used:.0f} | {own.used / empty.used:.2f} |"
        )


def _medians(starts: list[Start]) -> Start:
    return Start(
        *(
            statistics.median(getattr(start, part) for start in starts)
            for part in ("seconds", "ready", "used")
        )
    )
