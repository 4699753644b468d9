"""How a campaign grew."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from sqlmodel import select
from support import CAMPAIGN, CAN_SIGN, PETITION, START, Clock

from lobby.models import PetitionHour
from lobby.services import database, signature_states, signatures
from lobby.services.lobby import Lobby
from lobby.services.signatures import SignatureRequest

HISTORY = f"/v1/campaigns/{CAMPAIGN}/tally/history"


def history(client: TestClient, **query: str) -> Any:
    response = client.get(HISTORY, params=query)
    assert response.status_code == 200, response.text
    return response.json()


def at(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def test_the_last_point_is_the_tally_of_now(client: TestClient) -> None:
    tally = client.get(f"/v1/campaigns/{CAMPAIGN}/tally").json()
    last = history(client)["points"][-1]
    assert last == {
        "at": at(START),
        "signatories": tally["members"]["signed"],
        "signatures": tally["signatures"]["confirmed"],
        "letters_sent": tally["letters"]["sent"],
    }


def test_signatures_grow_day_by_day(client: TestClient) -> None:
    begins = START - timedelta(days=30)
    points = history(client, **{"from": at(begins)})["points"]
    counts = [point["signatures"] for point in points]
    assert counts == sorted(counts)
    assert counts[0] < counts[10] < counts[-1] == 360
    assert 30 <= len(points) <= 32


def test_days_begin_at_midnight_in_london(client: TestClient) -> None:
    begins = START - timedelta(days=2)
    points = history(client, **{"from": at(begins)})["points"]
    assert [point["at"] for point in points[1:-1]] == [
        "2026-06-29T23:00:00Z",
        "2026-06-30T23:00:00Z",
    ]


def test_a_signature_and_its_withdrawal_stand_in_their_hours(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    begins = clock.now
    request = SignatureRequest(PETITION, "Anna Example", "anna@example.org", CAN_SIGN)
    with lobby.database.write() as session:
        lookup, keyring = lobby.postcodes.lookup, lobby.keyring
        outcome = signatures.record(
            session, [request], postcodes=lookup, keyring=keyring, now=clock.now
        )[0]
        assert outcome.signature_id is not None
        signature_states.confirm(session, outcome.signature_id, now=clock.now)
    clock.advance(hours=2)
    with lobby.database.write() as session:
        signature_states.withdraw(session, outcome.signature_id, now=clock.now)
    clock.advance(hours=1)
    points = history(client, **{"from": at(begins), "every": "hour"})["points"]
    counts = [point["signatures"] for point in points]
    assert counts[0] <= 360, "the hour that begins now has not been counted yet"
    assert counts[1:] == [361, 361, 360]


def test_events_tell_whose_name_it_was_and_when_it_was_seen(client: TestClient) -> None:
    events = history(client)["events"]
    assert [event["kind"] for event in events].count("signed") == 4
    withdrawn = next(event for event in events if event["kind"] == "withdrawn")
    assert withdrawn["member"]["name"] == "Yusra Pembrey"
    assert withdrawn["happened_on"] == "2026-06-23"
    assert withdrawn["seen_at"] == at(START)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "2026-07-02T00:00:00Z"}, "from"),
        ({"from": "2020-01-01T00:00:00Z", "every": "hour"}, "every"),
        ({"every": "minute"}, "every"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-06-01T00:00:00"}, "from"),
    ],
)
def test_a_bad_span_names_the_field(client: TestClient, query: dict[str, str], field: str) -> None:
    response = client.get(HISTORY, params=query)
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [field]


def test_the_migration_counts_what_was_confirmed_before_it(lobby: Lobby) -> None:
    def hours() -> dict[Any, int]:
        with lobby.database.read() as session:
            return {row.hour: row.change for row in session.exec(select(PetitionHour))}

    before = hours()
    database.migrate(lobby.database, "0002")
    database.migrate(lobby.database)
    assert hours() == before
    assert sum(before.values()) == 360
    assert all(hour.tzinfo is UTC and hour.minute == 0 for hour in before)


def test_reading_a_history_never_scans_signatures(client: TestClient, lobby: Lobby) -> None:
    seen: list[str] = []

    def note(_c: Any, _u: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    engine = lobby.database._reader
    sa.event.listen(engine, "before_cursor_execute", note)
    history(client)
    sa.event.remove(engine, "before_cursor_execute", note)
    assert seen
    assert not [statement for statement in seen if "FROM signature" in statement]
