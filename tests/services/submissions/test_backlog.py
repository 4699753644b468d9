"""Tests what operators are told of submissions that are not sorted, or do not open."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

import worker
from services.assembly import Lobby
from services.operations import checks
from services.operations.findings import Finding
from services.signatures.recording import SignatureRequest
from services.submissions import backlog
from tests.support.common import CAN_SIGN, METRICS, PETITION, Clock
from tests.support.database.query_plans import sent_statements
from tests.support.exports import make_unreadable
from tests.support.signatures import record

ANNA = SignatureRequest(PETITION, "Anna", "anna@example.org", CAN_SIGN)
METRIC = "lobby_submissions_oldest_new_seconds"


def seconds(client: TestClient) -> float:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    return float(answer.json()["submissions_oldest_new_seconds"])


def findings(lobby: Lobby) -> list[Finding]:
    return [finding for finding in checks.run(lobby) if "submission" in finding.text]


@pytest.mark.slow
def test_readiness_says_in_whole_minutes_how_old_the_oldest_new_submission_is(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    assert seconds(client) == 0
    for age in (0, 60):
        record(lobby, [ANNA])
        clock.advance(seconds=40)
        assert seconds(client) == age
    assert f"{METRIC} 80.0" in client.get("/metrics", headers=METRICS).text
    worker.sort_submissions(lobby)
    assert seconds(client) == 0, "what was sorted is not counted"
    assert f"{METRIC} 0.0" in client.get("/metrics", headers=METRICS).text


def test_a_clock_that_is_behind_makes_no_negative_age(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    record(lobby, [ANNA], now=clock.now + timedelta(seconds=5))
    assert seconds(client) == 0


def test_a_check_finds_that_nobody_sorts(lobby: Lobby, clock: Clock) -> None:
    record(lobby, [ANNA])
    clock.advance(minutes=5)
    assert findings(lobby) == []
    clock.advance(seconds=1)
    text = "The oldest new submission has waited for 5 minutes to be sorted: is a worker running?"
    assert findings(lobby) == [Finding(text, code="submissions_late")]
    worker.sort_submissions(lobby)
    assert findings(lobby) == []


def test_a_check_finds_what_does_not_open_and_not_what_waits_for_its_turn(
    lobby: Lobby, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(lobby, [ANNA] * 8)  # over the limits on mails
    worker.sort_submissions(lobby)
    assert findings(lobby) == []
    hint = "1 submission does not open: is an earlier secret key missing?"
    for number in range(3):
        (outcome,) = record(lobby, [ANNA])
        assert outcome.signature_id is not None
        make_unreadable(lobby, outcome.signature_id)
        worker.sort_submissions(lobby)
        if not number:
            assert findings(lobby) == [
                Finding(hint, is_trouble=False, code="submissions_unreadable")
            ]
    monkeypatch.setattr(checks, "MOST_COUNTED", 2)
    (finding,) = findings(lobby)
    assert finding.text.startswith("More than 2 submissions do not open")


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_both_are_found_by_an_index(lobby: Lobby) -> None:
    with lobby.database.read() as session, sent_statements() as sent:
        backlog.oldest_new(session, now=lobby.clock())
        backlog.count_unreadable(session)
    with lobby.database.read() as session:
        connection = session.connection()
        plans: list[Any] = [
            connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values).all()
            for text, values in sent
            if "FROM submission" in text
        ]
    for plan, index in zip(plans, ("new", "mailbox_index"), strict=True):
        steps = " ".join(row[3] for row in plan)
        assert f"ix_submission_{index}" in steps, steps
        assert "TEMP B-TREE" not in steps, steps
