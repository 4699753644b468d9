"""Kills the server with `kill -9` while people sign: acknowledged = rows = tally.

See docs/operators/drills.md. `python -m drills.signatures` prints Markdown tables; `--help` shows
how to run less.
"""

import argparse
import asyncio
import json
import random
import signal
import sys
from dataclasses import dataclass, fields

import uvloop

import worker
from core.settings import Settings
from drills import signature_audit
from drills.clients import MOST_CONNECTIONS, ClientPool, Workload
from drills.killed_server import FaultInjector, PhaseResult, Server, serving
from drills.signature_audit import SignatureAudit, SignatureReport
from services.assembly import Lobby, open_lobby
from services.common.tokens import Purpose
from services.submissions import backlog
from tools import sample_data, smtp_sink
from tools.databases import fresh_database
from tools.settings import throwaway_settings

MOST_SIGNATURES, MOST_KILLS = 100_000, 50
SLUG = "keep-nhs-professionals-public"
POSTCODES = ("EH1 1YZ", "M1 1AE", "CF10 3NQ", "SW1A 0AA", "B1 1BB", "ZZ99 9ZZ")


@dataclass(frozen=True, slots=True)
class Drill:
    """The size of a drill. Half of the kills come while people sign, half while they confirm."""

    signatures: int = MOST_SIGNATURES
    connections: int = MOST_CONNECTIONS
    kills: int = 20
    seed: int = 2017

    def __post_init__(self) -> None:
        if not (1 <= self.signatures <= MOST_SIGNATURES and 0 <= self.kills <= MOST_KILLS):
            raise ValueError(f"at most {MOST_SIGNATURES} signatures and {MOST_KILLS} kills")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a drill.

    `killed_at_work` counts the servers that were killed while requests were under way.
    """

    report: SignatureReport
    killed_at_work: int
    signature_phase: PhaseResult
    confirmation_phase: PhaseResult


def run(drill: Drill, settings: Settings) -> Outcome:
    """Signs and confirms under kills, and compares. The database of `settings` must be empty.

    The server sorts and sends mails at the same time, in its own process, to a sink on loopback.
    """
    lobby = open_lobby(settings)
    try:
        sample_data.load_demonstration(lobby)
        with (
            smtp_sink.running(settings.data_dir / "sink.tsv", "--calm") as address,
            serving(
                settings.model_copy(update={"worker": "inline", "smtp_url": address})
            ) as server,
        ):
            return uvloop.run(_run(drill, lobby, server))
    finally:
        lobby.close()


async def _run(drill: Drill, lobby: Lobby, server: Server) -> Outcome:
    chance = random.Random(drill.seed)
    before = signature_audit.baseline(lobby, SLUG)
    addresses = {number: address_of(number) for number in range(drill.signatures)}
    audit = SignatureAudit(
        lobby,
        SLUG,
        before,
        addresses,
        name=name_of,
        have_keys=frozenset(filter(has_key, addresses)),
        forged=frozenset(filter(is_forged, addresses)),
    )
    injector = FaultInjector(ClientPool(server.port, drill.connections), server, chance)
    await injector.wait_until_serving()

    submissions, numbers = Workload(signature_request, 201), with_repeats(drill.signatures, chance)
    forgers = Workload(forged_request, 201)
    forging = asyncio.create_task(injector.run_beside(forgers, filter(is_forged, addresses)))
    signed = await injector.run_phase(
        submissions, numbers, -(-drill.kills // 2), written=audit.having_row
    )
    await forging
    # Before they are confirmed, so that every person has been asked. The server's own sorter has
    # been killed and started again with it.
    await _everything_sorted(lobby)
    tokens = {n: lobby.tokens.issue(Purpose.CONFIRM, row.id) for n, row in audit.rows().items()}
    confirmations = Workload(lambda number: confirmation_request(tokens[number]), 200)
    numbers = [number for number in tokens for _ in range(1 if number % 10 else 2)]
    confirmed = await injector.run_phase(
        confirmations, numbers, drill.kills // 2, written=audit.having_confirmed
    )
    await _everything_sorted(lobby)
    await asyncio.sleep(1.1)  # what the public reads may be a second old
    report = audit.compare(
        submissions,
        confirmations,
        unacknowledged_rows=signed.unacknowledged,
        unacknowledged_confirmed=confirmed.unacknowledged,
        get_json=signature_audit.api(server.port),
    )
    return Outcome(report, injector.killed_at_work, signed, confirmed)


async def _everything_sorted(lobby: Lobby) -> None:
    """Waits for the sorter of the server, and helps it: each leaves out what the other has."""
    while True:
        worker.sort_submissions(lobby)
        with lobby.database.read() as session:
            if not backlog.oldest_new(session, now=lobby.clock()):
                return
        await asyncio.sleep(0.2)


def with_repeats(signatures: int, chance: random.Random) -> list[int]:
    """Returns all numbers in order, some of them more than once.

    One in ten comes twice in a row, like a double click. One in a hundred comes six times more in
    between: more than the mails that one address gets in a day.
    """
    numbers = [number for number in range(signatures) for _ in range(1 if number % 10 else 2)]
    for number in range(1, signatures, 100):
        for _ in range(6):
            numbers.insert(chance.randrange(len(numbers)), number)
    return numbers


def address_of(number: int) -> str:
    return f"signer{number}@example.org"


def name_of(number: int) -> str:
    return f"Anna Example {number}"


def is_forged(number: int) -> bool:
    """Returns whether a stranger posts this number's address too, with words of their own."""
    return number % 10 == 7


def has_key(number: int) -> bool:
    """Returns whether this number sends an Idempotency-Key, which one in three does."""
    return number % 3 == 0


def signature_request(number: int) -> bytes:
    """Half of them consent to updates, and one in fifty lives abroad."""
    body = {
        "name": name_of(number),
        "email": address_of(number),
        "postcode": POSTCODES[number % len(POSTCODES)],
        "country": "GB" if number % 50 else "FR",
        "consents": {"updates": True} if number % 2 else {},
    }
    key = f"Idempotency-Key: signer {number}\r\n" if has_key(number) else ""
    return _request(f"/v1/petitions/{SLUG}/signatures", body, key)


def forged_request(number: int) -> bytes:
    """A stranger's post with the address of this number."""
    body = {
        "name": "Forged Name",
        "email": address_of(number),
        "postcode": POSTCODES[(number + 1) % len(POSTCODES)],
        "comment": "Words that nobody wrote.",
        "consents": {"updates": True},
    }
    return _request(f"/v1/petitions/{SLUG}/signatures", body)


def confirmation_request(token: str) -> bytes:
    """The request of the button on the page that the link in the mail opens."""
    return _request("/v1/signatures/confirm", {"token": token})


def _request(path: str, body: object, more: str = "") -> bytes:
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{more}"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


def main() -> None:
    """Exits with status 1 when there was a fault."""
    arguments = _arguments()
    # By default SIGTERM would end this process and leave the server running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    drill = Drill(arguments.signatures, arguments.connections, arguments.kills)
    outcomes: dict[str, Outcome] = {}
    names = [field.name for field in fields(SignatureReport)]
    _print("database", "connections", "killed at work", *names, is_head=True)
    for backend in ("sqlite", "postgresql"):
        if arguments.only in (None, backend):
            outcome = outcomes[backend] = _run_on(backend, drill)
            counts = [getattr(outcome.report, name) for name in names]
            _print(backend, drill.connections, outcome.killed_at_work, *counts)
    names = [field.name for field in fields(PhaseResult)][1:]
    _print("database", "", *names, is_head=True)
    for backend, outcome in outcomes.items():
        phases = {"signing": outcome.signature_phase, "confirming": outcome.confirmation_phase}
        for phase, result in phases.items():
            _print(backend, phase, *(f"{getattr(result, name):.0f}" for name in names))
    sys.exit(1 if any(outcome.report.faults for outcome in outcomes.values()) else 0)


def _print(*cells: object, is_head: bool = False) -> None:
    """Prints a row of a Markdown table, or the head of a new table."""
    texts = [str(cell).replace("_", " ") for cell in cells]
    row = f"| {' | '.join(texts)} |"
    print(f"\n{row}\n|{'---|' * len(cells)}" if is_head else row, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="drills.signatures", description=__doc__)
    parser.add_argument("--signatures", type=int, default=MOST_SIGNATURES)
    parser.add_argument("--connections", type=int, default=MOST_CONNECTIONS)
    parser.add_argument("--kills", type=int, default=20, help="half of them while people confirm")
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    return parser.parse_args()


def _run_on(backend: str, drill: Drill) -> Outcome:
    with fresh_database(backend) as (folder, url):
        return run(drill, throwaway_settings(folder, url))


if __name__ == "__main__":
    main()
