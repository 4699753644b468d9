"""Signing under `kill -9`: acknowledged = rows = tally. See docs/drills.md.

`python -m drills.signing` prints its figures as tables of Markdown; `--help` tells how to
run less.
"""

import argparse
import asyncio
import json
import random
import signal
import sys
from dataclasses import dataclass, fields

import uvloop

from core.settings import Settings
from drills import signature_ledger
from drills.crowd import MOST_CONNECTIONS, Crowd, Errand
from drills.signature_ledger import Found, Ledger
from drills.storm import Course, Server, Storm, serving
from services.assembly import Lobby, open_lobby
from services.common.tokens import Purpose
from tools import sample_data
from tools.databases import fresh_database
from tools.settings import throwaway_settings

MOST_SIGNATURES, MOST_KILLS = 100_000, 50
SLUG = "keep-nhs-professionals-public"
POSTCODES = ("EH1 1YZ", "M1 1AE", "CF10 3NQ", "SW1A 0AA", "B1 1BB", "ZZ99 9ZZ")


@dataclass(frozen=True, slots=True)
class Drill:
    """What to do: half of the kills while people sign, the others while they confirm."""

    signatures: int = MOST_SIGNATURES
    connections: int = MOST_CONNECTIONS
    kills: int = 20
    seed: int = 2017

    def __post_init__(self) -> None:
        if not (1 <= self.signatures <= MOST_SIGNATURES and 0 <= self.kills <= MOST_KILLS):
            raise ValueError(f"at most {MOST_SIGNATURES} signatures and {MOST_KILLS} kills")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found, how many servers were killed at work, and how both halves went."""

    found: Found
    killed_at_work: int
    signing: Course
    confirming: Course


def run(drill: Drill, settings: Settings) -> Outcome:
    """Load the demonstration into the empty database of `settings`, sign and confirm under fire,
    and compare."""
    lobby = open_lobby(settings)
    try:
        sample_data.load_demonstration(lobby)
        with serving(settings) as server:
            return uvloop.run(_run(drill, lobby, server))
    finally:
        lobby.close()


async def _run(drill: Drill, lobby: Lobby, server: Server) -> Outcome:
    chance = random.Random(drill.seed)
    had = signature_ledger.before(lobby, SLUG)
    addresses = {number: address_of(number) for number in range(drill.signatures)}
    ledger = Ledger(lobby, SLUG, had, addresses, have_keys=frozenset(filter(has_key, addresses)))
    storm = Storm(Crowd(server.port, drill.connections), server, chance)
    await storm.opens()

    signing, numbers = Errand(signature_request, 201), with_repeats(drill.signatures, chance)
    signed = await storm.passes(signing, numbers, -(-drill.kills // 2), written=ledger.having_row)
    tokens = {n: lobby.tokens.issue(Purpose.CONFIRM, row.id) for n, row in ledger.rows().items()}
    confirming = Errand(lambda number: confirmation_request(tokens[number]), 200)
    numbers = [number for number in tokens for _ in range(1 if number % 10 else 2)]
    confirmed = await storm.passes(
        confirming, numbers, drill.kills // 2, written=ledger.having_confirmed
    )
    await asyncio.sleep(1.1)  # what the public reads may be a second old
    found = ledger.compare(
        signing,
        confirming,
        unacknowledged_rows=signed.unacknowledged,
        unacknowledged_confirmed=confirmed.unacknowledged,
        told=signature_ledger.api(server.port),
    )
    return Outcome(found, storm.killed_at_work, signed, confirmed)


def with_repeats(signatures: int, chance: random.Random) -> list[int]:
    """Everybody, in their order. One in ten signs twice at once, as who clicks twice; and one in a
    hundred signs six times more in between, beyond what one address gets of mails a day."""
    numbers = [number for number in range(signatures) for _ in range(1 if number % 10 else 2)]
    for number in range(1, signatures, 100):
        for _ in range(6):
            numbers.insert(chance.randrange(len(numbers)), number)
    return numbers


def address_of(number: int) -> str:
    """Of one of the drill's people."""
    return f"storm{number}@example.org"


def has_key(number: int) -> bool:
    """One in three sends an Idempotency-Key, the same however often they send."""
    return number % 3 == 0


def signature_request(number: int) -> bytes:
    """Half of them answer the question for news, and one in fifty lives abroad."""
    body = {
        "name": f"Anna Example {number}",
        "email": address_of(number),
        "postcode": POSTCODES[number % len(POSTCODES)],
        "country": "GB" if number % 50 else "FR",
        "consents": {"updates": True} if number % 2 else {},
    }
    key = f"Idempotency-Key: storm {number}\r\n" if has_key(number) else ""
    return _request(f"/v1/petitions/{SLUG}/signatures", body, key)


def confirmation_request(token: str) -> bytes:
    """What the button of the page behind the link in the mail does."""
    return _request("/v1/signatures/confirm", {"token": token})


def _request(path: str, body: object, more: str = "") -> bytes:
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: drill\r\nContent-Type: application/json\r\n{more}"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


def main() -> None:
    """Run what is asked for; status 1 where a promise was broken."""
    told = _arguments()
    # Without it, the end of the drill would leave its server running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    drill = Drill(told.signatures, told.connections, told.kills)
    done: dict[str, Outcome] = {}
    names = [field.name for field in fields(Found)]
    _print("database", "connections", "killed at work", *names, is_head=True)
    for backend in ("sqlite", "postgresql"):
        if told.only in (None, backend):
            outcome = done[backend] = _run_on(backend, drill)
            counts = [getattr(outcome.found, name) for name in names]
            _print(backend, drill.connections, outcome.killed_at_work, *counts)
    names = [field.name for field in fields(Course)][1:]
    _print("database", "", *names, is_head=True)
    for backend, outcome in done.items():
        for what, course in (("signing", outcome.signing), ("confirming", outcome.confirming)):
            _print(backend, what, *(f"{getattr(course, name):.0f}" for name in names))
    sys.exit(1 if any(outcome.found.faults for outcome in done.values()) else 0)


def _print(*cells: object, is_head: bool = False) -> None:
    """A row of a table of Markdown, or the head of another one."""
    texts = [str(cell).replace("_", " ") for cell in cells]
    row = f"| {' | '.join(texts)} |"
    print(f"\n{row}\n|{'---|' * len(cells)}" if is_head else row, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="drills.signing", description=__doc__)
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
