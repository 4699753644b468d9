"""One confirmation after another over HTTP while 64 clients sign, with and without turns.

Without turns, SQLAlchemy's own pool lends SQLite's one writing connection in any order, as the
service did before. Every round measures both servers in turn. The percentiles are of all rounds
together, the other figures are medians of the rounds. `bench_intake` has the same table for both
databases.
"""

import statistics
from collections.abc import Callable

from bench.intake.confirming import Result, one_while_others_sign
from bench.intake.starter import Starter

NO_TURNS, TURNS = "SQLite, no turns", "SQLite"


def main() -> None:
    """Prints a Markdown table."""
    with Starter.opened() as starter:
        kinds = {NO_TURNS: "unordered", TURNS: "lobby"}
        servers = starter.start_all([starter.prepare(*each) for each in kinds.items()])
        results = one_while_others_sign(starter.folder, servers, clients=64, count=60, rounds=5)
    print("\nTurns relative to no turns in the same round, medians: ", end="")
    print(f"confirming {relative(results, mean):.2f}, ", end="")
    print(f"signed a second {relative(results, lambda run: run['rate']):.2f}.")


def mean(run: Result) -> float:
    """Returns the mean time of a confirmation."""
    return float(statistics.mean(run["beside"]))


def relative(results: dict[str, list[Result]], figure: Callable[[Result], float]) -> float:
    """Returns the median of the figure with turns, relative to the same round without."""
    pairs = zip(results[TURNS], results[NO_TURNS], strict=True)
    return statistics.median(figure(turns) / figure(none) for turns, none in pairs)


if __name__ == "__main__":
    main()
