"""Signing and reading over HTTP, side by side with an empty endpoint on the same machine.

E is a FastAPI endpoint with the request and response models of a signature and nothing behind them;
reads are compared with an empty GET. Every round measures all servers in turn, so that other load
on the machine affects all of them. Figures are medians of the rounds; shares are medians of the
share in each round. The load comes from a process of its own on the same cores. `--quick` is a
shorter run.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from bench import http_load, servers
from core.settings import ROOT
from tools.databases import postgres
from tools.processes import cpu_seconds, memory_mb

SLUG = "keep-nhs-professionals-public"
SIGNATURES = f"/v1/petitions/{SLUG}/signatures"
POSTCODES = ("EH1 1YZ", "M1 1AE", "CF10 3NQ", "SW1A 0AA")
# One in ten is at a domain that has to be checked, as with most lists of supporters in the UK.
DOMAINS = (
    "gmail.com",
    "hotmail.co.uk",
    "gmail.com",
    "btinternet.com",
    "gmail.com",
    "yahoo.co.uk",
    "outlook.com",
    "icloud.com",
    "hotmail.com",
    "example.org",
)
SECRET = "the secret of a bench in which everybody is invented"
# Requests are counted as usual, but all of them come from one address.
LIMITS = {
    f"{requests}_per_{of}": "1000000000"
    for requests, of in (("gets", "address"), ("posts", "address"), ("posts", "petition"))
}
READS = {
    "a petition": f"/v1/petitions/{SLUG}",
    "a campaign": "/v1/campaigns/nhs-professionals",
    "a tally": "/v1/campaigns/nhs-professionals/tally",
    "a postcode": "/v1/postcodes/EH11YZ",
}
SLOW_DISK = 0.002
E = "E"


@dataclass(frozen=True, slots=True)
class Server:
    """A server to measure."""

    name: str
    port: int
    pid: int


@dataclass(frozen=True, slots=True)
class Figures:
    """One run: requests per second, milliseconds, and processor microseconds per request."""

    rate: float
    p50: float
    p99: float
    cpu: float


Load = Callable[[str], Iterator[bytes]]
"""Makes the requests for the server of this name."""


def main() -> None:
    """Prints Markdown tables."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as stack:
        folder = Path(name)
        url = stack.enter_context(postgres(folder / "pg"))
        kinds = {E: ("empty", ""), "SQLite": ("lobby", ""), "PostgreSQL": ("lobby", url)}
        measured = [start(stack, folder, name, *kind) for name, kind in kinds.items()]
        for connections in (1, 64, 512):
            requests = max(500, arguments.requests // (5 if connections == 1 else 1))
            bench = Bench(folder, measured, connections, requests, arguments.rounds)
            bench.table(f"Signing, {connections} at once", signatures)
        bench = Bench(folder, measured, 64, arguments.requests, arguments.rounds)
        bench.table("Signing with an Idempotency-Key, 64 at once", _signatures_with_keys)
        for resource, path in READS.items():
            bench = Bench(folder, measured, 64, arguments.requests, arguments.rounds)
            bench.table(f"Reading {resource}, 64 at once", _reads(path))
        memory = ", ".join(f"{server.name} {memory_mb(server.pid):.0f}" for server in measured)
        print(f"\nMemory (RSS) of each process after all this, in MB: {memory}.")
    _designs(arguments, 0)
    _designs(arguments, SLOW_DISK)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench_intake", description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.requests, arguments.rounds = 2000, 2
    return arguments


def _designs(arguments: argparse.Namespace, fsync: float) -> None:
    """Compares ways to commit on SQLite, `fsync` in seconds. Group commit pays on a slow disk."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as stack:
        folder = Path(name)
        kinds = {E: "empty", "in groups": "lobby", "one by one": "single", "a session": "session"}
        measured = [
            start(stack, folder, name, kind, "", fsync=fsync) for name, kind in kinds.items()
        ]
        bench = Bench(folder, measured, 64, max(500, arguments.requests // 10), arguments.rounds)
        disk = f"a disk of {fsync * 1000:.0f} ms" if fsync else "the machine's own disk"
        bench.table(f"Designs on SQLite, 64 at once, {disk}", signatures)


def start(
    stack: ExitStack, folder: Path, name: str, kind: str, url: str, *, fsync: float = 0
) -> Server:
    """Starts a server with the demonstration, and warms it up."""
    server_folder = folder / name.replace(" ", "-")
    settings = {"worker": "off", "sync_members": "off", "secret_key": SECRET} | LIMITS
    if url:
        settings["database_url"] = url
    if kind != "empty":
        servers.demonstrate(server_folder, settings)
    port, pid = stack.enter_context(servers.serving(kind, server_folder, fsync=fsync, **settings))
    server = Server(name, port, pid)
    Bench(folder, [server], 8, 300, 1).run(server, signatures)
    return server


@dataclass(frozen=True, slots=True)
class Bench:
    """The same load on several servers, in turns."""

    folder: Path
    servers: list[Server]
    connections: int
    requests: int
    rounds: int

    def table(self, title: str, requests: Load) -> None:
        """Measures, and prints a row for each server."""
        figures: dict[str, list[Figures]] = {server.name: [] for server in self.servers}
        for _ in range(self.rounds):
            for server in self.servers:
                figures[server.name].append(self.run(server, requests))
        print(f"\n{title}:\n\n| server | a second | of E | p50 ms | p99 ms | CPU us a request |")
        print("|---|---|---|---|---|---|", flush=True)
        for name, runs in figures.items():
            share = statistics.median(
                run.rate / empty.rate for run, empty in zip(runs, figures[E], strict=True)
            )
            rate, p50, p99, cpu = (
                statistics.median(getattr(run, part) for run in runs)
                for part in Figures.__dataclass_fields__
            )
            print(f"| {name} | {rate:,.0f} | {share:.2f} | {p50:.1f} | {p99:.1f} | {cpu:.0f} |")

    def run(self, server: Server, requests: Load) -> Figures:
        """Runs the load once. Raises if an answer is not a good one."""
        before = cpu_seconds(server.pid)
        result = self.load(server, requests)
        cpu = (cpu_seconds(server.pid) - before) / self.requests * 1e6
        return Figures(result["rate"], result["p50"], result["p99"], cpu)

    def load(self, server: Server, requests: Load, beside: list[bytes] | None = None) -> Any:
        """Runs the load in a process of its own, and returns what `http_load` prints.

        With requests `beside`, the load ends when these have been answered.
        """
        files, made = [self.folder / "requests"], requests(server.name)
        http_load.write(files[0], (next(made) for _ in range(self.requests)))
        if beside:
            files.append(self.folder / "beside")
            http_load.write(files[1], iter(beside))
        command = [sys.executable, "-m", "bench.http_load"]
        arguments = map(str, (server.port, self.connections, self.requests, *files))
        done = subprocess.run(
            [*command, *arguments], cwd=ROOT, capture_output=True, text=True, check=True
        )
        result = json.loads(done.stdout)
        if set(result["statuses"]) - {"200", "201"}:
            raise RuntimeError(f"{server.name} answered {result['statuses']}")
        return result


def signatures(_name: str, *, has_keys: bool = False) -> Iterator[bytes]:
    """Yields signatures of different people, half of them with consent to updates."""
    tag, number, key = uuid4().hex[:10], 0, ""
    while True:
        number += 1
        body = {
            "name": f"Anna Example {number}",
            "email": f"{tag}.{number}@{DOMAINS[number % len(DOMAINS)]}",
            "postcode": POSTCODES[number % len(POSTCODES)],
            "consents": {"updates": True} if number % 2 else {},
        }
        if has_keys:
            key = f"Idempotency-Key: {uuid4()}\r\n"
        yield request("POST", SIGNATURES, json.dumps(body).encode(), key)


def _signatures_with_keys(name: str) -> Iterator[bytes]:
    return signatures(name, has_keys=True)


def _reads(path: str) -> Load:
    def requests(name: str) -> Iterator[bytes]:
        while True:
            yield request("GET", "/empty" if name == E else path)

    return requests


def request(method: str, path: str, body: bytes = b"", more: str = "") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n{more}"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


if __name__ == "__main__":
    main()
