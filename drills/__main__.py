"""`python -m drills` runs the letter drills with one and more workers, and prints Markdown tables.

It needs an idle machine; `--help` shows how to run less.
"""

import argparse
import signal
import sys
from dataclasses import fields

from drills.letter_audit import LetterReport
from drills.letters import MOST_KILLS, MOST_LETTERS, Drill, Outcome, run
from tools.databases import fresh_database
from tools.settings import throwaway_settings

SETUPS = [("sqlite", 1), ("postgresql", 1), ("postgresql", 2), ("postgresql", 4)]
HEAD = ("database", "workers", "killed at work", "letters a second")


def main() -> None:
    """Exits with status 1 when there was a fault."""
    arguments = _arguments()
    # By default SIGTERM would end this process and leave its children running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    setups = [(name, size) for name, size in SETUPS if arguments.only in (None, name)]
    results = []
    if arguments.letters:
        drills = [(name, Drill(arguments.letters, arguments.kills, size)) for name, size in setups]
        results.append(_table("Under kill -9, with a sink that fails", drills))
    if arguments.calm_letters:
        drills = [
            (name, Drill(arguments.calm_letters, 0, size, is_calm=True)) for name, size in setups
        ]
        results.append(_table("No kills, and a sink that takes everything", drills))
    sys.exit(0 if all(results) else 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="drills", description=__doc__)
    parser.add_argument("--letters", type=int, default=MOST_LETTERS, help="0: no kills at all")
    parser.add_argument("--kills", type=int, default=MOST_KILLS)
    parser.add_argument("--calm-letters", type=int, default=2000, help="to take the rate from")
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    return parser.parse_args()


def _table(title: str, drills: list[tuple[str, Drill]]) -> bool:
    """Runs drills and prints a row for each; returns whether there were no faults."""
    names = [field.name.replace("_", " ") for field in fields(LetterReport)]
    cells = [*HEAD[:2], *names, *HEAD[2:]]
    print(f"\n{title}:\n\n| {' | '.join(cells)} |\n|{'---|' * len(cells)}", flush=True)
    is_good = True
    for backend, drill in drills:
        outcome = _run(backend, drill)
        is_good = is_good and not outcome.report.faults
        figures = [getattr(outcome.report, field.name) for field in fields(LetterReport)]
        row = [backend, drill.workers, *figures, outcome.killed_at_work, f"{outcome.rate:.0f}"]
        print(f"| {' | '.join(map(str, row))} |", flush=True)
    return is_good


def _run(backend: str, drill: Drill) -> Outcome:
    with fresh_database(backend) as (folder, url):
        return run(drill, throwaway_settings(folder, url))


if __name__ == "__main__":
    main()
