"""One confirmation after another over HTTP while 64 clients sign, with and without turns.

Without turns, SQLAlchemy's own pool lends SQLite's one writing connection in any order, as the
service did before. Every round measures all servers in turn. The percentiles are of all rounds
together, the other figures are medians of the rounds.
"""

import itertools
import json
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlmodel import col, select

from bench.bench_intake import SECRET, Bench, request, signatures, start
from core.settings import Settings
from models import Submission
from services.assembly import open_lobby
from services.common.tokens import Purpose
from tools.databases import postgres

ROUNDS = 5
CONFIRMATIONS = 60  # a round
CLIENTS = 64
MOST_SIGNED = 200_000  # a round; the load ends with the last confirmation
NO_TURNS, TURNS = "SQLite, no turns", "SQLite"
Result = dict[str, Any]
"""What `http_load` prints."""


def main() -> None:
    """Prints a Markdown table."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as stack:
        results = measure(Path(name), stack)
    print(f"{ROUNDS * CONFIRMATIONS} confirmations, one at a time, while {CLIENTS} sign:\n")
    print("| server | p50 ms | p90 ms | worst ms | signed a second | signing, p50 ms |")
    print("|---|---|---|---|---|---|")
    for server, runs in results.items():
        taken = sorted(itertools.chain.from_iterable(run["beside"] for run in runs))
        p50, p90, worst = (taken[int((len(taken) - 1) * share)] for share in (0.5, 0.9, 1))
        rate, signing = (statistics.median(run[part] for run in runs) for part in ("rate", "p50"))
        print(f"| {server} | {p50:.0f} | {p90:.0f} | {worst:.0f} | {rate:,.0f} | {signing:.1f} |")
    print("\nTurns relative to no turns in the same round, medians: ", end="")
    print(f"confirming {relative(results, mean):.2f}, ", end="")
    print(f"signed a second {relative(results, lambda run: run['rate']):.2f}.")


def measure(folder: Path, stack: ExitStack) -> dict[str, list[Result]]:
    """Returns the results of each round by the name of the server."""
    url = stack.enter_context(postgres(folder / "pg"))
    kinds = {NO_TURNS: ("unordered", ""), TURNS: ("lobby", ""), "PostgreSQL": ("lobby", url)}
    servers = [start(stack, folder, name, *kind) for name, kind in kinds.items()]
    bench = Bench(folder, servers, CLIENTS, MOST_SIGNED, ROUNDS)
    results: dict[str, list[Result]] = {name: [] for name in kinds}
    for _ in range(ROUNDS):
        for server in servers:
            beside = confirmations(folder / server.name.replace(" ", "-"), kinds[server.name][1])
            results[server.name].append(bench.load(server, signatures, list(beside)))
    return results


def confirmations(folder: Path, url: str) -> Iterator[bytes]:
    """Yields requests that confirm the newest submissions."""
    settings = Settings(data_dir=folder, database_url=url, secret_key=SecretStr(SECRET))
    newest = select(Submission.id).order_by(col(Submission.id).desc()).limit(CONFIRMATIONS)
    with closing(open_lobby(settings)) as lobby, lobby.database.read() as session:
        for signature_id in session.exec(newest):
            body = {"token": lobby.tokens.issue(Purpose.CONFIRM, signature_id)}
            yield request("POST", "/v1/signatures/confirm", json.dumps(body).encode())


def mean(run: Result) -> float:
    """Returns the mean time of a confirmation."""
    return float(statistics.mean(run["beside"]))


def relative(results: dict[str, list[Result]], figure: Callable[[Result], float]) -> float:
    """Returns the median of the figure with turns, relative to the same round without."""
    pairs = zip(results[TURNS], results[NO_TURNS], strict=True)
    return statistics.median(figure(turns) / figure(none) for turns, none in pairs)


if __name__ == "__main__":
    main()
