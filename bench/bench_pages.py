"""Public pages at 200 readers a second, side by side with an empty endpoint on the same machine.

`python -m bench.bench_pages` reads each page as its visitors do: gzipped, from several connections.
'Cached' is what most of them get. 'Rendered' is the same page for a source that is not cached, at a
tenth of the rate. Every round measures all servers in turn, so that other load on the machine
affects all of them. Figures are medians of the rounds; ratios are medians of each round's ratio of
p50 to that of E, the empty endpoint.
"""

import argparse
import statistics
from collections.abc import Mapping
from typing import Any

import uvloop

from bench import http_load
from bench.intake.load import request
from bench.intake.starter import Server, Starter, checkout

RATE, CONNECTIONS, SHARE_RENDERED = 200, 20, 0.1
CAMPAIGN = "/campaigns/nhs-professionals"
PAGES = {
    "campaign, cached": CAMPAIGN,
    "campaign, from WhatsApp": f"{CAMPAIGN}?source=whatsapp",
    "campaign, rendered": f"{CAMPAIGN}?source=leaflet",
    "list of campaigns, cached": "/",
    "redirect of the petition": "/petitions/keep-nhs-professionals-public",
}
Latencies = Mapping[str, Any]


def main() -> None:
    """Prints a Markdown table."""
    arguments = _arguments()
    with Starter.opened(arguments.before) as starter:
        empty, measured = starter.empty(), starter.services()
        print("| page | server | p50 ms | p99 ms | p50 of E | ratio |")
        print("|---|---|---|---|---|---|", flush=True)
        for title, path in PAGES.items():
            rate = int(RATE * (SHARE_RENDERED if "rendered" in title else 1))
            for row in _rows(title, path, empty, measured, rate=rate, arguments=arguments):
                print(row, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench_pages", description=__doc__)
    parser.add_argument("--before", type=checkout, metavar="FOLDER", help="of an earlier version")
    parser.add_argument("--seconds", type=int, default=10, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


def _rows(
    title: str,
    path: str,
    empty: Server,
    measured: list[Server],
    *,
    rate: int,
    arguments: argparse.Namespace,
) -> list[str]:
    runs: dict[str, list[tuple[Latencies, Latencies]]] = {server.name: [] for server in measured}
    for _ in range(arguments.rounds):
        baseline = _read(empty, "/empty", rate=rate, seconds=arguments.seconds)
        for server in measured:
            latencies = _read(server, path, rate=rate, seconds=arguments.seconds)
            runs[server.name].append((latencies, baseline))
    return [_row(title, name, pairs) for name, pairs in runs.items()]


def _row(title: str, server: str, pairs: list[tuple[Latencies, Latencies]]) -> str:
    p50 = statistics.median(run["p50"] for run, _ in pairs)
    p99 = statistics.median(run["p99"] for run, _ in pairs)
    empty = statistics.median(baseline["p50"] for _, baseline in pairs)
    ratio = statistics.median(run["p50"] / baseline["p50"] for run, baseline in pairs)
    return f"| {title} | {server} | {p50:.2f} | {p99:.2f} | {empty:.2f} | {ratio:.1f} |"


def _read(server: Server, path: str, *, rate: int, seconds: int) -> Latencies:
    requests = [request("GET", path)] * (rate * seconds)
    return uvloop.run(http_load.run(server.port, CONNECTIONS, requests, rate=rate))


if __name__ == "__main__":
    main()
