"""How long `lobby check` and `lobby check --recount` take over a million signatures.

Each figure is the median of some runs on warm
caches, beside the plainest statement that reads the same rows, since what a machine does in a
second says little. Run it as it is: `.venv/bin/python -m bench.bench_recount`.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlmodel import Session

from bench.large_databases import lobbies
from core import logs
from services.assembly import utc_now
from services.database.engine import Database
from services.mail import outbox
from services.operations import recounts
from services.signatures import signature_states

SIGNATURES = int(os.environ.get("BENCH_SIGNATURES", "1000000"))
ROUNDS = 3
PLAINEST = "SELECT count(*) FROM signature WHERE state = 'confirmed' AND country = 'GB'"


def main() -> None:
    """Print a table of Markdown."""
    logs.configure(level="ERROR")
    print("| database | what | seconds | against the plainest |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        for kind, lobby in lobbies(Path(name), signatures=SIGNATURES):
            measure(kind, lobby.database)


def measure(name: str, database: Database) -> None:
    """All of it in turns, so that what else the machine does falls on each."""
    looks: dict[str, Callable[[Session], Any]] = {
        "the plainest count": lambda session: session.connection().exec_driver_sql(PLAINEST).all(),
        "`lobby check`: sums of seats and hours": recounts.at_a_glance,
        "`--recount`: signatures": recounts.wrong_signatures,
        "`--recount`: letters": recounts.wrong_letters,
        "`/metrics`: messages by state": outbox.counts,
        "what expires": expire,
    }
    taken: dict[str, list[float]] = {what: [] for what in looks}
    for _ in range(ROUNDS):
        for what, look in looks.items():
            with database.write() as session:
                begun = time.perf_counter()
                look(session)
                taken[what].append(time.perf_counter() - begun)
    plainest = statistics.median(taken["the plainest count"])
    for what, times in taken.items():
        seconds = statistics.median(times)
        print(f"| {name} | {what} | {seconds:.3f} | {seconds / plainest:.2f} |")


def expire(session: Session) -> None:
    """With none to be found: it runs every minute."""
    signature_states.expire(session, now=utc_now())


if __name__ == "__main__":
    main()
