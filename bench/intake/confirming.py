"""Confirmations over HTTP: many at once, and one after another while others sign."""

import itertools
import json
import statistics
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import worker
from bench.intake.load import POSTCODES, SLUG, Bench, Load, request, signatures
from bench.intake.starter import E, Server
from services.assembly import Lobby
from services.common.tokens import Purpose
from services.signatures import recording
from services.signatures.recording import SignatureRequest

AT_ONCE = 1000
MOST_SIGNED = 60_000  # a round; the load ends with the last confirmation
HEAD = (
    "| server | p50 ms | p90 ms | worst ms | signed a second | signing, p50 ms |\n"
    "|---|---|---|---|---|---|"
)
Result = dict[str, Any]
"""What `http_load` prints."""


def confirmations(count: int) -> Load:
    """Returns a load of confirmations, each of another submission; E takes signatures."""

    def requests(server: Server) -> Iterator[bytes]:
        return signatures() if server.name == E else iter(confirm_new(server, count))

    return requests


def confirm_new(server: Server, count: int) -> list[bytes]:
    """Records submissions in a server's database and sorts them all, without the server.

    Returns the requests that confirm them.
    """
    ids: list[UUID] = []
    with server.database() as lobby:
        for start in range(0, count, AT_ONCE):
            ids += _record(lobby, min(AT_ONCE, count - start))
        worker.sort_submissions(lobby)
        tokens = [lobby.tokens.issue(Purpose.CONFIRM, signature_id) for signature_id in ids]
    return [
        request("POST", "/v1/signatures/confirm", json.dumps({"token": token}).encode())
        for token in tokens
    ]


def _record(lobby: Lobby, count: int) -> list[UUID]:
    tag = uuid4().hex[:10]
    people = [
        SignatureRequest(
            SLUG, "Anna Example", f"{tag}.{number}@gmail.com", POSTCODES[number % len(POSTCODES)]
        )
        for number in range(count)
    ]
    lookup, keyring, now = lobby.postcodes.lookup, lobby.keyring, lobby.clock()
    with lobby.database.write() as session:
        outcomes = recording.record(session, people, postcodes=lookup, keyring=keyring, now=now)
    return [outcome.signature_id for outcome in outcomes if outcome.signature_id]


def one_while_others_sign(
    folder: Path, servers: Iterable[Server], *, clients: int, count: int, rounds: int
) -> dict[str, list[Result]]:
    """Prints a table of `count` confirmations a round, one after another, while `clients` sign.

    Percentiles are of all rounds together, other figures are medians of the rounds. Returns the
    results of each round by the name of the server.
    """
    bench = Bench(folder, list(servers), clients, MOST_SIGNED, rounds)
    results: dict[str, list[Result]] = {server.name: [] for server in bench.servers}
    for server in bench.in_turns():
        beside = confirm_new(server, count)
        results[server.name].append(bench.load(server, signatures, beside=beside))
    print(f"\n{count * rounds} confirmations, one after another, while {clients} sign:\n\n{HEAD}")
    for name, runs in results.items():
        taken = sorted(itertools.chain.from_iterable(run["beside"] for run in runs))
        p50, p90, worst = (taken[int((len(taken) - 1) * share)] for share in (0.5, 0.9, 1))
        rate, signing = (statistics.median(run[part] for run in runs) for part in ("rate", "p50"))
        print(f"| {name} | {p50:.0f} | {p90:.0f} | {worst:.0f} | {rate:,.0f} | {signing:.1f} |")
    return results
