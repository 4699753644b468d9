"""Requests of the bench of the intake, and the same load on several servers in turns."""

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

from bench import http_load
from bench.intake.starter import E, Server
from core.settings import ROOT

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
HEAD = (
    "| server | a second | of E | p50 ms | p99 ms | p99 of E | CPU us a request |\n"
    "|---|---|---|---|---|---|---|"
)
Load = Callable[[Server], Iterator[bytes]]
"""Makes the requests for a server."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One run: requests a second, milliseconds, and processor microseconds a request.

    `cpu` is that of all the server's processes, without PostgreSQL's; `client_cpu` is that of the
    load's own process.
    """

    rate: float
    p50: float
    p99: float
    cpu: float
    client_cpu: float


@dataclass(frozen=True, slots=True)
class Bench:
    """The same load on several servers, in turns."""

    folder: Path
    servers: Sequence[Server]
    connections: int
    requests: int
    rounds: int

    def table(self, title: str, requests: Load) -> dict[str, list[Figures]]:
        """Measures, prints a row for each server, and returns the figures of each round."""
        figures: dict[str, list[Figures]] = {server.name: [] for server in self.servers}
        for server in self.in_turns():
            figures[server.name].append(self.run(server, requests))
        print(f"\n{title}:\n\n{HEAD}", flush=True)
        for name, runs in figures.items():
            print(_row(name, runs, figures[E]), flush=True)
        return figures

    def in_turns(self) -> Iterator[Server]:
        """Yields each server once a round; every other round backwards, so that load on the machine
        that grows or falls affects all of them alike."""
        for number in range(self.rounds):
            yield from self.servers[:: -1 if number % 2 else 1]

    def run(self, server: Server, requests: Load) -> Figures:
        """Runs the load once. Raises if an answer is not a good one."""
        result = self.load(server, requests)
        return Figures(*(result[part] for part in Figures.__dataclass_fields__))

    def load(
        self,
        server: Server,
        requests: Load,
        *,
        beside: Sequence[bytes] = (),
        seconds: float = 0,
    ) -> Any:
        """Runs the load in a process of its own, and returns what `http_load` prints.

        With requests `beside`, the load ends when these have been answered. With `seconds`, it ends
        after that time.
        """
        file = self.folder / "requests"
        http_load.write(file, islice(requests(server), self.requests))
        options = ["--seconds", str(seconds), "--pid", str(server.pid)]
        if beside:
            http_load.write(self.folder / "beside", beside)
            options += ["--beside", str(self.folder / "beside")]
        command = [sys.executable, "-m", "bench.http_load", str(server.port)]
        done = subprocess.run(
            [*command, str(self.connections), str(file), *options],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        result = json.loads(done.stdout)
        if set(result["statuses"]) - {"200", "201"}:
            raise RuntimeError(f"{server.name} answered {result['statuses']}")
        return result


def _row(name: str, runs: list[Figures], empty: list[Figures]) -> str:
    rounds = list(zip(runs, empty, strict=True))
    share = statistics.median(run.rate / e.rate for run, e in rounds)
    share_p99 = statistics.median(run.p99 / e.p99 for run, e in rounds)
    rate, p50, p99, cpu = (
        statistics.median(getattr(run, part) for run in runs)
        for part in ("rate", "p50", "p99", "cpu")
    )
    return (
        f"| {name} | {rate:,.0f} | {share:.2f} | {p50:.1f} | {p99:.1f} "
        f"| {share_p99:.2f} | {cpu:.0f} |"
    )


def signatures(_server: Server | None = None, *, has_keys: bool = False) -> Iterator[bytes]:
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


def signatures_with_keys(server: Server) -> Iterator[bytes]:
    """Yields signatures, each with an Idempotency-Key of its own."""
    return signatures(server, has_keys=True)


def reads(path: str) -> Load:
    """Returns a load that reads one path, and from E an empty answer."""

    def requests(server: Server) -> Iterator[bytes]:
        while True:
            yield request("GET", "/empty" if server.name == E else path)

    return requests


def request(method: str, path: str, body: bytes = b"", more: str = "") -> bytes:
    """Returns a whole request; `more` are header lines."""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n{more}"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body
