"""`python -m drills.n8n` runs n8n's Action Network node against live servers on both databases.

It needs Node.js and n8n's packages in a folder, and is skipped without them: it installs nothing.
See docs/operators/drills.md.
"""

import argparse
import sys
from pathlib import Path

from core import logs
from core.settings import ROOT
from drills.n8n import front, node
from drills.n8n.scenario import MOST, Report, run
from services.assembly import open_lobby
from tools import sample_data
from tools.databases import fresh_database
from tools.live_service import serving
from tools.settings import throwaway_settings

BACKENDS = ("sqlite", "postgresql")


def main() -> None:
    """Exits with status 1 when n8n lacks something that the database has, or stops."""
    arguments = _arguments()
    logs.configure(level="ERROR")
    absent = node.why_absent(arguments.packages)
    if absent is not None:
        print(f"n8n: skipped, because {absent}. See docs/operators/drills.md.")
        return
    print(f"\nn8n's Action Network node ({node.versions(arguments.packages)}):\n")
    print("| database | list | n8n has | the database has | missing | unknown |")
    print("|---|---|---|---|---|---|", flush=True)
    reports = [
        _report(backend, arguments.people, arguments.packages)
        for backend in BACKENDS
        if arguments.only in (None, backend)
    ]
    print(f"\n{sum(report.calls for report in reports):,} calls of the node")
    faults = [fault for report in reports for fault in report.faults]
    for fault in faults:
        print(f"FAULT: {fault}")
    sys.exit(1 if faults else 0)


def _report(backend: str, people: int, packages: Path) -> Report:
    with fresh_database(backend) as (folder, url):
        lobby = open_lobby(throwaway_settings(folder, url))
        sample_data.load_demonstration(lobby)
        with (
            serving(lobby) as service,
            front.proxy(service.url, folder) as (proxy, trusted),
            node.running(
                packages, key=service.key, proxy=proxy, trusted=trusted, home=folder
            ) as n8n,
        ):
            report = run(n8n, lobby, people)
        lobby.close()
    for row in report.lists:
        cells = (backend, row.kind, row.listed, row.stored, row.missing, row.unknown)
        print(f"| {' | '.join(map(str, cells))} |", flush=True)
    return report


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="drills.n8n", description=__doc__)
    parser.add_argument("--packages", type=Path, default=ROOT / "var" / "n8n", help="a folder")
    parser.add_argument("--people", type=int, default=60, help=f"at most {MOST}")
    parser.add_argument("--only", choices=BACKENDS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
