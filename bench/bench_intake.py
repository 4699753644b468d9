"""Signing, confirming and reading over HTTP, side by side with an empty endpoint.

E is a FastAPI endpoint with the request and response models of a signature and nothing behind them
(`bench.empty_endpoint`); reads are compared with an empty GET. The service is `lobby serve`, with
logs and limits. Every round measures all servers in turn, so that other load on the machine affects
all of them. Figures are medians of the rounds; shares are medians of the share in each round. The
load comes from a process of its own on the same cores. With `--before FOLDER`, a checkout of an
earlier version with the same schema, its servers are measured in the same rounds. `--quick` is a
shorter run.
"""

import argparse
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.intake import footprint, processes, sustained
from bench.intake.confirming import confirmations, one_while_others_sign
from bench.intake.load import SLUG, Bench, Figures, reads, signatures, signatures_with_keys
from bench.intake.starter import Server, Starter, checkout
from tools.processes import memory_mb

CLIENTS = 64
READS = {
    "a petition": f"/v1/petitions/{SLUG}",
    "a campaign": "/v1/campaigns/nhs-professionals",
    "a tally": "/v1/campaigns/nhs-professionals/tally",
    "a postcode": "/v1/postcodes/EH11YZ",
}
SLOW_DISK = 0.002


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured: requests of a load, rounds, seconds of the sustained load, and how many
    processes."""

    requests: int = 5000
    rounds: int = 5
    seconds: float = 20
    processes: tuple[int, ...] = (1, 2, 4)


QUICK, SHORT = Size(1000, 2, 2), Size(100, 1, 1, (1, 2))


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of servers that run all the time: E, and the service on both databases."""

    folder: Path
    servers: Sequence[Server]
    size: Size

    def signing(self) -> None:
        for clients, requests in ((1, self.size.requests // 5), (64, 0), (512, 0)):
            bench = self._bench(clients, requests)
            figures = bench.table(f"Signing, {clients} at once", signatures)
            if clients == CLIENTS:
                _tell_of_client(figures)

    def keys(self) -> None:
        title = f"Signing with an Idempotency-Key, {CLIENTS} at once"
        self._bench().table(title, signatures_with_keys)

    def reading(self) -> None:
        for resource, path in READS.items():
            self._bench().table(f"Reading {resource}, {CLIENTS} at once", reads(path))

    def confirming(self) -> None:
        bench = self._bench(requests=self.size.requests // 3)
        title = f"Confirming, {CLIENTS} at once; E takes signatures"
        bench.table(title, confirmations(bench.requests))
        services = self.servers[1:]
        count = min(60, bench.requests)
        one_while_others_sign(
            self.folder, services, clients=CLIENTS, count=count, rounds=self.size.rounds
        )

    def memory(self) -> None:
        each = ", ".join(f"{server.name} {memory_mb(server.pid):.0f}" for server in self.servers)
        print(f"\nMemory (RSS) of each process after all this, in MB: {each}.")

    def _bench(self, clients: int = CLIENTS, requests: int = 0) -> Bench:
        requests = requests or self.size.requests
        return Bench(self.folder, self.servers, clients, requests, self.size.rounds)


SHARED: dict[str, Callable[[Tables], None]] = {
    "signing": Tables.signing,
    "keys": Tables.keys,
    "reading": Tables.reading,
    "confirming": Tables.confirming,
    "memory": Tables.memory,
}


def _sustained(starter: Starter, size: Size) -> None:
    rounds = max(1, size.rounds // 3)
    sustained.table(starter, clients=CLIENTS, seconds=size.seconds, rounds=rounds)


def _processes(starter: Starter, size: Size) -> None:
    rounds = max(1, size.rounds // 2)
    processes.table(starter, size.processes, requests=size.requests, rounds=rounds)


def _footprint(starter: Starter, size: Size) -> None:
    requests = min(2000, size.requests)
    footprint.table(starter, requests=requests, rounds=size.rounds)


def _designs(starter: Starter, size: Size) -> None:
    """Compares ways to commit on SQLite. Group commit pays on a slow disk."""
    kinds = {"in groups": "lobby", "one by one": "single", "a session": "session"}
    requests, rounds = max(100, size.requests // 10), max(1, size.rounds // 2)
    for fsync, disk in ((0.0, "the machine's own disk"), (SLOW_DISK, "a disk of 2 ms")):
        with starter.part(disk) as part:
            prepared = [part.prepare(name, kind, fsync=fsync) for name, kind in kinds.items()]
            measured = [part.empty(), *part.start_all(prepared)]
            bench = Bench(part.folder, measured, CLIENTS, requests, rounds)
            bench.table(f"Designs on SQLite, {CLIENTS} at once, {disk}", signatures)


ALONE: dict[str, Callable[[Starter, Size], None]] = {
    "sustained": _sustained,
    "processes": _processes,
    "footprint": _footprint,
    "designs": _designs,
}


def main() -> None:
    """Prints Markdown tables."""
    arguments = _arguments()
    size = SHORT if arguments.short else QUICK if arguments.quick else Size()
    wanted = arguments.only or [*SHARED, *ALONE]
    with Starter.opened(arguments.before) as starter:
        if shared := [SHARED[name] for name in wanted if name in SHARED]:
            with starter.part("shared") as part:
                _shared(part, size, shared)
        for name in wanted:
            if name in ALONE:
                with starter.part(name) as part:
                    ALONE[name](part, size)


def _shared(starter: Starter, size: Size, tables: Sequence[Callable[[Tables], None]]) -> None:
    servers = [starter.empty(), *starter.services()]
    for server in servers:
        Bench(starter.folder, [server], 8, 300, 1).run(server, signatures)
    for table in tables:
        table(Tables(starter.folder, servers, size))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench_intake", description=__doc__)
    parser.add_argument("--before", type=checkout, metavar="FOLDER", help="an earlier version")
    parser.add_argument("--only", nargs="+", choices=[*SHARED, *ALONE], help="only these tables")
    parser.add_argument("--quick", action="store_true", help="a shorter run")
    parser.add_argument("--short", action="store_true", help="as short as it can be, for tests")
    return parser.parse_args()


def _tell_of_client(figures: dict[str, list[Figures]]) -> None:
    """Says what the load itself takes: a server that takes less has to wait for it."""
    cpu = statistics.median(run.client_cpu for runs in figures.values() for run in runs)
    print(
        f"\nThe process that makes the load took {cpu:.0f} us of processor time a request, so no "
        f"figure can be above {1e6 / cpu:,.0f} requests a second."
    )


if __name__ == "__main__":
    main()
