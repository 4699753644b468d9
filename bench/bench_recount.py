"""How long `lobby check` and `lobby check --recount` take over a million signatures.

Each figure is the median of some runs on warm caches. It is compared with the plainest statement
that reads the same rows, since seconds depend on the machine. `python -m bench.bench_recount` runs
it.
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
from services.submissions import ending

SIGNATURES = int(os.environ.get("BENCH_SIGNATURES", "1000000"))
ROUNDS = 3
PLAINEST = "SELECT count(*) FROM signature WHERE state = 'confirmed' AND country = 'GB'"


def main() -> None:
    """Prints a Markdown table."""
    logs.configure(level="ERROR")
    print("| database | what | seconds | against the plainest |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        for kind, lobby in lobbies(Path(name), signatures=SIGNATURES):
            measure(kind, lobby.database)


def measure(name: str, database: Database) -> None:
    """Measures all in turns, so that other load on the machine affects all of them."""
    checks: dict[str, Callable[[Session], Any]] = {
        "the plainest count": lambda session: session.connection().exec_driver_sql(PLAINEST).all(),
        "`lobby check`: sums of seats and hours": recounts.compare_sums,
        "`--recount`: signatures": recounts.wrong_signatures,
        "`--recount`: letters": recounts.wrong_letters,
        "`/metrics`: messages by state": outbox.counts,
        "submissions to delete": delete_old,
    }
    taken: dict[str, list[float]] = {name_of_check: [] for name_of_check in checks}
    for _ in range(ROUNDS):
        for name_of_check, check in checks.items():
            with database.write() as session:
                started_at = time.perf_counter()
                check(session)
                taken[name_of_check].append(time.perf_counter() - started_at)
    plainest = statistics.median(taken["the plainest count"])
    for name_of_check, times in taken.items():
        seconds = statistics.median(times)
        print(f"| {name} | {name_of_check} | {seconds:.3f} | {seconds / plainest:.2f} |")


def delete_old(session: Session) -> None:
    """Deletes nothing. The worker calls this every minute."""
    ending.delete_old(session, now=utc_now())


if __name__ == "__main__":
    main()
