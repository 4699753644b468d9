"""Tests the history of a campaign's tally: points, events, CSV and caching."""

import csv
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from sqlmodel import select

from models import MemberOverride, PetitionHour
from services.assembly import Lobby
from services.database import engine
from services.signatures import confirming, recording, signature_states
from services.signatures.recording import SignatureRequest
from tests.support.common import CAMPAIGN, CAN_SIGN, PETITION, START, Clock

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
        "is_estimated": False,
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
        outcome = recording.record(
            session, [request], postcodes=lookup, keyring=keyring, now=clock.now
        )[0]
        assert outcome.signature_id is not None
        confirming.confirm(session, outcome.signature_id, keyring=lobby.keyring, now=clock.now)
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


@pytest.mark.slow
def test_the_migration_counts_what_was_confirmed_before_it(lobby: Lobby) -> None:
    def hours() -> dict[Any, int]:
        with lobby.database.read() as session:
            return {row.hour: row.change for row in session.exec(select(PetitionHour))}

    before = hours()
    engine.migrate(lobby.database, "0002")
    engine.migrate(lobby.database)
    assert hours() == before
    assert sum(before.values()) == 360
    assert all(hour.tzinfo is UTC and hour.minute == 0 for hour in before)


def test_reading_a_history_never_scans_signatures(client: TestClient, lobby: Lobby) -> None:
    seen: list[str] = []

    def note(_c: Any, _u: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    reading_engine = lobby.database._reader
    sa.event.listen(reading_engine, "before_cursor_execute", note)
    history(client)
    sa.event.remove(reading_engine, "before_cursor_execute", note)
    assert seen
    assert not [statement for statement in seen if "FROM signature" in statement]


def test_the_beginning_and_the_end_of_a_note_stand_in_the_history(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    with lobby.database.write() as session:
        note = session.exec(select(MemberOverride)).one()
        note.ends_on, note.ended_at = date(2026, 7, 2), clock.now + timedelta(days=1)
    clock.advance(days=2)
    events = history(client)["events"]
    noted = [event for event in events if event["motion"] is None]
    assert [event["kind"] for event in noted] == ["refuses", "refuses_ended"]
    assert all(event["link"] == "https://example.org/replies/1" for event in noted)
    assert [event["seen_at"] for event in events] == sorted(event["seen_at"] for event in events)
    later = history(client, **{"from": at(START + timedelta(hours=1))})["events"]
    assert [event["kind"] for event in later] == ["refuses_ended"]


def test_the_history_comes_as_csv_by_name_and_by_header(client: TestClient) -> None:
    query = {"from": at(START - timedelta(days=9)), "every": "week"}
    by_name = client.get(f"{HISTORY}.csv", params=query)
    by_header = client.get(HISTORY, params=query, headers={"Accept": "text/csv"})
    assert by_name.text == by_header.text
    assert by_name.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert 'filename="nhs-professionals-history.csv"' in by_name.headers["Content-Disposition"]
    rows = list(csv.DictReader(by_name.text.splitlines()))
    names = ["at", "signatories", "signatures", "letters_sent", "is_estimated"]
    assert list(rows[0]) == names
    points = history(client, **query)["points"]
    words = {False: "no", True: "yes"}
    for point in points:
        point["is_estimated"] = words[point["is_estimated"]]
    assert rows == [{name: str(value) for name, value in point.items()} for point in points]
    assert len(rows) == 3


@pytest.mark.parametrize("path", [HISTORY, f"{HISTORY}.csv"])
def test_a_client_that_has_a_history_gets_304_until_it_grows(
    client: TestClient, clock: Clock, path: str
) -> None:
    tag = {"If-None-Match": client.get(path).headers["ETag"]}
    clock.advance(minutes=5)
    assert client.get(path, headers=tag).status_code == 304, "only the moment of asking differs"
    clock.advance(days=1)
    assert client.get(path, headers=tag).status_code == 200


@pytest.mark.parametrize(
    "begins", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "1066-10-14T00:00:00-12:00"]
)
@pytest.mark.parametrize("path", [HISTORY, f"{HISTORY}.csv"])
def test_a_beginning_before_all_clocks_is_too_long_ago(
    client: TestClient, path: str, begins: str
) -> None:
    response = client.get(path, params={"from": begins, "every": "week"})
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == ["every"]
