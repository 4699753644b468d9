"""`python -m drills`: all drills of the post room, their figures as tables of Markdown.

Made for an idle machine; `--help` tells how to run less.
"""

import argparse
import signal
import sys
from dataclasses import fields

from drills.ledger import Found
from drills.post_room import MOST_KILLS, MOST_LETTERS, Drill, Outcome, run
from tools.databases import fresh_database
from tools.settings import throwaway_settings

CREWS = [("sqlite", 1), ("postgresql", 1), ("postgresql", 2), ("postgresql", 4)]
HEAD = ("database", "workers", "killed at work", "letters a second")


def main() -> None:
    """Run what is asked for; status 1 where a promise was broken."""
    told = _arguments()
    # Without it, the end of the drill would leave its processes running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    crews = [(name, n) for name, n in CREWS if told.only in (None, name)]
    are_kept = []
    if told.letters:
        drills = [(name, Drill(told.letters, told.kills, n)) for name, n in crews]
        are_kept.append(_table("Under kill -9, with a sink that fails", drills))
    if told.calm_letters:
        drills = [(name, Drill(told.calm_letters, 0, n, is_calm=True)) for name, n in crews]
        are_kept.append(_table("No kills, and a sink that takes everything", drills))
    sys.exit(0 if all(are_kept) else 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="drills", description=__doc__)
    parser.add_argument("--letters", type=int, default=MOST_LETTERS, help="0: no kills at all")
    parser.add_argument("--kills", type=int, default=MOST_KILLS)
    parser.add_argument("--calm-letters", type=int, default=2000, help="to take the rate from")
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    return parser.parse_args()


def _table(title: str, drills: list[tuple[str, Drill]]) -> bool:
    """Run and print a row for each; whether every promise was kept."""
    names = [field.name.replace("_", " ") for field in fields(Found)]
    cells = [*HEAD[:2], *names, *HEAD[2:]]
    print(f"\n{title}:\n\n| {' | '.join(cells)} |\n|{'---|' * len(cells)}", flush=True)
    is_good = True
    for backend, drill in drills:
        outcome = _run(backend, drill)
        is_good = is_good and not outcome.found.faults
        figures = [getattr(outcome.found, field.name) for field in fields(Found)]
        row = [backend, drill.workers, *figures, outcome.killed_at_work, f"{outcome.rate:.0f}"]
        print(f"| {' | '.join(map(str, row))} |", flush=True)
    return is_good


def _run(backend: str, drill: Drill) -> Outcome:
    with fresh_database(backend) as (folder, url):
        return run(drill, throwaway_settings(folder, url))


if __name__ == "__main__":
    main()
