"""Tests the hours in which the history counts imported signatures: those in which they were given.

The sums of the petitions stay equal to their tallies.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from sqlmodel import select

from models import PetitionHour
from services.assembly import Lobby
from services.campaigns import campaigns
from services.database import engine
from services.operations import recounts
from services.signatures import signature_states
from services.signatures.recording import ImportOrigin, SignatureRequest
from services.tallies import histories
from tests.support import signatures
from tests.support.common import CAMPAIGN, CAN_SIGN, PETITION, SIGNED, START, Clock

STALL = "paper, Leeds stall, 3 May 2026"
THEN = datetime(2026, 5, 3, 11, 59, 59, tzinfo=UTC)
ANNA = SignatureRequest(PETITION, "Anna Example", "anna@example.org", CAN_SIGN)


@pytest.fixture(autouse=True)
def _tallies_are_exact(lobby: Lobby) -> Iterator[None]:
    yield
    with lobby.database.read() as session:
        assert recounts.wrong_signatures(session) == []
        assert recounts.compare_sums(session) == []


def hours(lobby: Lobby) -> dict[datetime, int]:
    with lobby.database.read() as session:
        return {row.hour: row.change for row in session.exec(select(PetitionHour)) if row.change}


def changed(lobby: Lobby, before: dict[datetime, int]) -> dict[datetime, int]:
    now = hours(lobby)
    steps = {hour: now.get(hour, 0) - before.get(hour, 0) for hour in now.keys() | before}
    return {hour: step for hour, step in steps.items() if step}


def import_at(
    lobby: Lobby, *moments: datetime | None, is_confirmed: bool = True, first: int = 0
) -> list[UUID]:
    """Imports one signature per moment, of a new person each; returns their ids."""
    batch = [
        replace(
            ANNA,
            email=f"p{number}@example.org",
            postcode=(CAN_SIGN, SIGNED)[number % 2],
            imported=ImportOrigin(STALL, moment, is_confirmed=is_confirmed),
        )
        for number, moment in enumerate(moments, first)
    ]
    found = [outcome.signature_id for outcome in signatures.record(lobby, batch)]
    return [signature_id for signature_id in found if signature_id]


def at(hour: int, day: int = 3) -> datetime:
    return datetime(2026, 5, day, hour, tzinfo=UTC)


def test_imports_count_in_the_hours_in_which_they_were_given(lobby: Lobby) -> None:
    before = hours(lobby)
    elsewhere = datetime(2026, 5, 3, 13, 30, tzinfo=timezone(timedelta(hours=1, minutes=45)))
    import_at(lobby, THEN, THEN - timedelta(minutes=59), elsewhere, at(0, day=4), None)
    assert changed(lobby, before) == {at(11): 3, at(0, day=4): 1, START: 1}
    with lobby.database.read() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        days = histories.by_day(session, campaign, first=THEN.date(), now=lobby.clock())
    assert days.signatures_a_day[:3] == (3, 1, 0)


def test_the_same_import_again_moves_nothing(lobby: Lobby, clock: Clock) -> None:
    import_at(lobby, THEN)
    before = hours(lobby)
    clock.advance(hours=2)
    import_at(lobby, at(8))
    assert changed(lobby, before) == {}


def test_an_import_that_is_removed_is_subtracted_when_that_happens(
    lobby: Lobby, clock: Clock
) -> None:
    before = hours(lobby)
    (first, second) = import_at(lobby, THEN, THEN)
    clock.advance(hours=3)
    with lobby.database.write() as session:
        signature_states.withdraw(session, first, now=clock.now)
        signature_states.disown(session, second, now=clock.now)
    assert changed(lobby, before) == {at(11): 2, START + timedelta(hours=3): -2}


def test_an_import_that_its_signer_has_to_confirm_counts_when_they_do(
    lobby: Lobby, clock: Clock
) -> None:
    """It is dated to the import, and its signer's own deed is of today."""
    before = hours(lobby)
    ids = import_at(lobby, THEN, is_confirmed=False)
    assert changed(lobby, before) == {}
    clock.advance(hours=5)
    signatures.confirm_all(lobby, ids)
    assert changed(lobby, before) == {START + timedelta(hours=5): 1}


@pytest.mark.slow
def test_the_migration_moves_earlier_imports_to_the_hours_in_which_they_were_given(
    lobby: Lobby, clock: Clock
) -> None:
    clock.advance(hours=4)
    signatures.sign_and_confirm(lobby, replace(ANNA, email="here@example.org"))
    before, imported_at = hours(lobby), clock.now
    first, *_ = import_at(lobby, THEN, THEN, at(8), None)
    asked = import_at(lobby, THEN, is_confirmed=False, first=10)
    clock.advance(hours=1)
    signatures.confirm_all(lobby, asked)
    clock.advance(hours=1)
    with lobby.database.write() as session:
        signature_states.withdraw(session, first, now=clock.now)
    later = {imported_at + timedelta(hours=1): 1, imported_at + timedelta(hours=2): -1}
    after = hours(lobby)
    assert changed(lobby, before) == {at(11): 2, at(8): 1, imported_at: 1} | later
    engine.migrate(lobby.database, "0019")
    assert changed(lobby, before) == {imported_at: 4} | later
    engine.migrate(lobby.database)
    assert hours(lobby) == after


@pytest.mark.slow
def test_the_migration_leaves_an_import_that_its_signer_confirmed_where_it_was_counted(
    lobby: Lobby, clock: Clock
) -> None:
    """Of such a row nobody knows whether it counted at the import or at the click."""
    import_at(lobby, THEN)
    signatures.sign_and_confirm(lobby, replace(ANNA, email="p0@example.org"))
    before = hours(lobby)
    engine.migrate(lobby.database, "0019")
    engine.migrate(lobby.database)
    assert hours(lobby) == before
