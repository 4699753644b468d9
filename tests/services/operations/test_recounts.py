"""Tests recounts: tallies compared with the rows that they count, and sums with each other."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from email.message import EmailMessage
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, select

from models import LetterHour, LetterTally, PetitionHour, PetitionTally, Signature, SignatureState
from models.base import table_of
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.operations import checks, recounts
from services.signatures import confirming, recording, signature_states
from services.signatures.recording import SignatureRequest
from services.tallies import counts
from tests.support.common import CAMPAIGN, CAN_SIGN, PETITION, SIGNED, Clock

_petition_tally, _letter_tally = table_of(PetitionTally), table_of(LetterTally)
_signature, _hour = table_of(Signature), table_of(PetitionHour)
_letter_hour = table_of(LetterHour)
EDINBURGH, NOWHERE = "S14000078", "E99999999"


def change(lobby: Lobby, statement: Any) -> int:
    with lobby.database.write() as session:
        return session.connection().execute(statement).rowcount


def read(lobby: Lobby, look: Callable[[Session], list[Any]]) -> list[Any]:
    with lobby.database.read() as session:
        return look(session)


def sum_findings(lobby: Lobby) -> list[str]:
    return [finding.text for finding in read(lobby, recounts.compare_sums)]


def recount_findings(lobby: Lobby) -> list[str]:
    findings = checks.run(lobby, recounting=lambda _text: None)
    return [finding.text for finding in findings if "the tally says" in finding.text]


def test_the_demonstration_adds_up(lobby: Lobby) -> None:
    assert read(lobby, recounts.wrong_signatures) == []
    assert read(lobby, recounts.wrong_letters) == []
    assert read(lobby, recounts.wrong_letter_hours) == []
    assert sum_findings(lobby) == recount_findings(lobby) == []


def test_what_was_never_counted_adds_up(empty_lobby: Lobby) -> None:
    assert sum_findings(empty_lobby) == recount_findings(empty_lobby) == []


def test_every_difference_is_told_with_both_counts(lobby: Lobby) -> None:
    with lobby.database.read() as session:
        petition = petitions.public(session, PETITION).id
    too_many = sa.update(_petition_tally).where(_petition_tally.c.constituency_code == EDINBURGH)
    assert change(lobby, too_many.values(confirmed=_petition_tally.c.confirmed + 2)) == 1
    row = {"petition_id": petition, "constituency_code": NOWHERE, "confirmed": 1}
    change(lobby, sa.insert(_petition_tally).values(row))
    missing = sa.delete(_petition_tally).where(
        _petition_tally.c.constituency_code.not_in([EDINBURGH, NOWHERE, "unknown", "overseas"])
    )
    seats = change(lobby, missing)
    differences = read(lobby, recounts.wrong_signatures)
    assert len(differences) == seats + 2
    assert differences == sorted(differences)
    by_code = {code: (tallied, real) for _, code, tallied, real in differences}
    assert by_code.pop(NOWHERE) == (1, 0)
    tallied, real = by_code.pop(EDINBURGH)
    assert tallied == real + 2
    assert all(tallied == 0 < real for tallied, real in by_code.values())
    assert {difference[0] for difference in differences} == {petition}
    assert (
        f"Petition {petition}, {NOWHERE}: the tally says 1, the signatures 0."
        in recount_findings(lobby)
    )


def test_signatures_that_were_changed_by_hand_are_found_by_a_recount_only(lobby: Lobby) -> None:
    statement = sa.update(_signature).where(
        _signature.c.constituency_code == EDINBURGH,
        _signature.c.state == SignatureState.CONFIRMED,
    )
    changed = change(lobby, statement.values(state=SignatureState.WITHDRAWN))
    ((_, code, tallied, real),) = read(lobby, recounts.wrong_signatures)
    assert (code, tallied, real) == (EDINBURGH, changed, 0)
    assert sum_findings(lobby) == []
    assert len(recount_findings(lobby)) == 1


def test_a_letter_too_many_and_one_too_few_are_told(lobby: Lobby) -> None:
    with lobby.database.read() as session:
        rows = session.connection().execute(
            sa.select(_letter_tally.c.constituency_code).where(_letter_tally.c.sent > 0)
        )
        first, second = sorted(rows.scalars())[:2]
        campaign = campaigns.public(session, CAMPAIGN).id
    for code, by in ((first, 1), (second, -1)):
        statement = sa.update(_letter_tally).where(_letter_tally.c.constituency_code == code)
        change(lobby, statement.values(sent=_letter_tally.c.sent + by))
    differences = read(lobby, recounts.wrong_letters)
    assert [(row[0], row[2], row[3] - row[4]) for row in differences] == [
        (campaign, first, 1),
        (campaign, second, -1),
    ]
    assert len(recount_findings(lobby)) == 2


def test_an_hour_of_letters_that_is_wrong_is_told(lobby: Lobby) -> None:
    with lobby.database.read() as session:
        hours = session.connection().execute(sa.select(_letter_hour.c.hour)).scalars().all()
        campaign = campaigns.public(session, CAMPAIGN).id
    hour = min(hours)
    statement = sa.update(_letter_hour).where(_letter_hour.c.hour == hour)
    assert change(lobby, statement.values(sent=_letter_hour.c.sent + 2)) == 1
    ((of, at, count, letters),) = read(lobby, recounts.wrong_letter_hours)
    assert (of, at, count - letters) == (campaign, hour, 2)
    assert "its seats sum up to" in sum_findings(lobby)[0]
    assert change(lobby, sa.delete(_letter_hour)) == len(hours)
    assert len(read(lobby, recounts.wrong_letter_hours)) == len(hours)
    codes = [finding.code for finding in checks.run(lobby, recounting=lambda _text: None)]
    assert codes.count("letter_hours_differ") == len(hours)
    assert codes.count("letter_sums_differ") == 1


def test_letters_count_in_the_hours_in_which_they_went(lobby: Lobby) -> None:
    with lobby.database.read() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        motion = campaigns.motion_of(session, campaign.id)
        before = {row.hour: row.sent for row in session.exec(select(LetterHour))}
    assert motion
    first = datetime(2026, 6, 20, 9, 59, 59, 999999, tzinfo=UTC)
    second = datetime(2026, 6, 20, 12, 30, tzinfo=timezone(timedelta(hours=2)))
    where = (campaign.id, motion.id, EDINBURGH)
    with lobby.database.write() as session:
        counts.add_letters(session, [(*where, first), (*where, second), (*where, second)])
        counts.add_letter(session, *where, sent_at=first)
        counts.remove_letter(session, *where, sent_at=second)
    with lobby.database.read() as session:
        after = {row.hour: row.sent for row in session.exec(select(LetterHour))}
    changes = {hour: sent - before.get(hour, 0) for hour, sent in after.items()}
    assert {hour: step for hour, step in changes.items() if step} == {
        datetime(2026, 6, 20, 9, tzinfo=UTC): 2,
        datetime(2026, 6, 20, 10, tzinfo=UTC): 1,
    }
    assert sum_findings(lobby) == []


def test_letters_that_were_opened_elsewhere_are_no_difference(lobby: Lobby) -> None:
    assert change(lobby, sa.update(_letter_tally).values(opened=5))
    assert read(lobby, recounts.wrong_letters) == []


@pytest.mark.parametrize("table", [_petition_tally, _hour], ids=["seats", "hours"])
def test_a_glance_finds_what_changed_on_one_side(lobby: Lobby, table: sa.Table) -> None:
    column = table.c.confirmed if table is _petition_tally else table.c.change
    by_key = [
        column == sa.select(sa.func.min(column)).scalar_subquery() for column in table.primary_key
    ]
    assert change(lobby, sa.update(table).where(*by_key[1:]).values({column: column + 1})) == 1
    (text,) = sum_findings(lobby)
    assert "its seats sum up to" in text


def test_what_people_do_keeps_a_glance_quiet(
    lobby: Lobby, clock: Clock, deliver: Callable[[], list[EmailMessage]]
) -> None:
    batch = [
        SignatureRequest(PETITION, "Anna", f"p{number}@example.org", (CAN_SIGN, SIGNED)[number % 2])
        for number in range(10)
    ]
    with lobby.database.write() as session:
        lookup, keyring = lobby.postcodes.lookup, lobby.keyring
        outcomes = recording.record(
            session, batch, postcodes=lookup, keyring=keyring, now=clock.now
        )
        ids = [outcome.signature_id for outcome in outcomes if outcome.signature_id]
        confirming.confirm_all(session, ids, keyring=lobby.keyring, now=clock.now)
    clock.advance(hours=3)
    with lobby.database.write() as session:
        signature_states.withdraw(session, ids[0], now=clock.now)
        signature_states.disown(session, ids[1], now=clock.now)
    deliver()
    assert sum_findings(lobby) == recount_findings(lobby) == []
