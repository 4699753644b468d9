"""What the counters of tallies gain when reading, and cost when confirming.

`python -m bench.bench_tallies` uses BENCH_SIGNATURES signatures, six million by default. Reading:
the statement that sums up the counters of a campaign's 650 seats, beside the same sums from the
signatures themselves. Confirming: batches of 64 over all seats, in turns with and without counting.
"""

import contextlib
import functools
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest import mock
from uuid import UUID

from bench.large_databases import lobbies
from core import logs
from models import Keyring
from models.postcode import PostcodeResult, PostcodeStatus
from services.assembly import utc_now
from services.campaigns import campaigns
from services.database.engine import Database
from services.demonstration import invented_campaign
from services.signatures import confirming, recording
from services.signatures.recording import SignatureRequest
from services.tallies import counts, seat_table

SIGNATURES = int(os.environ.get("BENCH_SIGNATURES", "6000000"))
READINGS, BATCHES, AT_ONCE = 31, 60, 64
NOT_COUNTING = mock.patch.object(counts, "count_signatures")
LIVE = (
    "SELECT constituency_code, count(*) FROM signature WHERE state = 'confirmed' "
    "GROUP BY constituency_code"
)


def main() -> None:
    """Prints two Markdown tables."""
    logs.configure(level="ERROR")
    reading, confirming = [], []
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        for kind, lobby in lobbies(Path(name), signatures=SIGNATURES):
            reading.append(read(kind, lobby.database))
            confirming.append(confirm(kind, lobby.database, lobby.keyring))
    print(f"A campaign of {SIGNATURES:,} signatures:\n")
    print("| database | counters, ms | all of the tally, ms | live, ms | live against counters |")
    print("|---|---|---|---|---|", *reading, sep="\n")
    print(f"\nConfirming {AT_ONCE} at once, all on disk:\n")
    print("| database | with counters, ms | without, ms | cost |\n|---|---|---|---|")
    print(*confirming, sep="\n")


def read(kind: str, database: Database) -> str:
    """Returns a row of the first table."""
    slug = invented_campaign.about().campaign
    with database.read() as session:
        campaign = campaigns.public(session, slug)
        ways: dict[str, Callable[[], object]] = {
            "counters": lambda: seat_table._counts(session, campaign.id, None),
            "tally": lambda: seat_table.of_campaign(session, campaign, now=utc_now()),
        }
        taken = {name: median(way, READINGS) for name, way in ways.items()}
        live = median(lambda: session.connection().exec_driver_sql(LIVE).all(), 3)
    counters, tally = taken["counters"], taken["tally"]
    return f"| {kind} | {counters:.2f} | {tally:.1f} | {live:.0f} | {live / counters:.0f} |"


def median(way: Callable[[], object], rounds: int) -> float:
    """Returns the median time of some calls in milliseconds."""
    return statistics.median(milliseconds(way) for _ in range(rounds))


def milliseconds(way: Callable[[], object]) -> float:
    """Returns the time of one call in milliseconds."""
    started_at = time.perf_counter()
    way()
    return (time.perf_counter() - started_at) * 1000


def confirm(kind: str, database: Database, keyring: Keyring) -> str:
    """Returns a row of the second table."""
    taken: dict[bool, list[float]] = {True: [], False: []}
    ways = itertools.cycle(taken)
    ids = pending(database, keyring)
    for start in range(0, len(ids), AT_ONCE):
        is_counting = next(ways)
        way = functools.partial(confirmed, database, keyring, ids[start : start + AT_ONCE])
        with contextlib.nullcontext() if is_counting else NOT_COUNTING:
            taken[is_counting].append(milliseconds(way))
    counting, bare = (statistics.median(taken[way]) for way in (True, False))
    return f"| {kind} | {counting:.2f} | {bare:.2f} | {counting / bare - 1:.0%} |"


def confirmed(database: Database, keyring: Keyring, ids: Sequence[UUID]) -> None:
    """Confirms a batch in one transaction."""
    with database.write() as session:
        confirming.confirm_all(session, ids, keyring=keyring, now=utc_now())


def pending(database: Database, keyring: Keyring) -> list[UUID]:
    """Adds submissions, spread over all seats; returns their ids."""
    slug = invented_campaign.about().petition
    codes = itertools.cycle(f"E14{number:06}" for number in range(650))

    def anywhere(postcode: str) -> PostcodeResult:
        return PostcodeResult(postcode, PostcodeStatus.FOUND, next(codes))

    requests = [
        SignatureRequest(slug, "Ann Example", f"ann.{number}@example.org", "M1 1AE")
        for number in range(AT_ONCE * BATCHES)
    ]
    with database.write() as session:
        outcomes = recording.record(
            session, requests, postcodes=anywhere, keyring=keyring, now=utc_now()
        )
    return [outcome.signature_id for outcome in outcomes if outcome.signature_id]


if __name__ == "__main__":
    main()
