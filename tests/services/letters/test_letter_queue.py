"""Tests a campaign's letter queue: pace, pause, and what an organiser sees and settles."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from sqlmodel import col, select

import worker
from models import (
    Letter,
    LetterSketch,
    LetterState,
    LetterTally,
    MessageKind,
    MessageState,
    OutboxMessage,
    Scope,
)
from services.assembly import Lobby
from services.campaigns import campaigns
from services.demonstration import invented_campaign
from services.letters import letter_states
from services.mail import outbox
from services.operations import recounts
from services.organisations import organisations
from tests.support.common import CAMPAIGN, Clock, token_in
from tests.support.keys import key_for, others_key
from tests.support.pages import LETTERS, letter_path, write

POST = f"/v1/campaigns/{CAMPAIGN}/post"
Deliver = Callable[[], list[EmailMessage]]
Key = dict[str, str]


@pytest.fixture
def key(lobby: Lobby) -> Key:
    return key_for(lobby, Scope.CAMPAIGNS_WRITE, Scope.LETTERS_READ)


@pytest.fixture
def real(lobby: Lobby) -> Lobby:
    """Makes the organisation real: the demonstration's letters keep no quiet hours."""
    with lobby.database.write() as session:
        owner = organisations.by_slug(session, invented_campaign.about().organisation)
        session.add(owner.sqlmodel_update({"is_demonstration": False}))
    return lobby


def confirm(client: TestClient, deliver: Deliver, **changes: str) -> dict[str, Any]:
    """Writes and confirms a letter; returns the response to the confirmation."""
    deliver()
    assert write(client, **changes).status_code == 303, LETTERS
    (mail,) = deliver()
    token = token_in(mail, "letters/confirm")
    answer = client.post("/v1/letters/confirm", json={"token": token})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def newest_letter(lobby: Lobby) -> tuple[Letter, OutboxMessage]:
    """Returns the newest letter and its message."""
    with lobby.database.read() as session:
        statement = (
            select(Letter, OutboxMessage)
            .join(OutboxMessage, col(OutboxMessage.subject_id) == Letter.id)
            .where(OutboxMessage.kind == MessageKind.LETTER)
            .order_by(col(Letter.id).desc())
        )
        letter, message = session.exec(statement).all()[0]
    return letter, message


def set_states(lobby: Lobby, state: LetterState, message_state: MessageState) -> UUID:
    """Sets the states of the newest letter and its message; returns the letter's id."""
    letter, message = newest_letter(lobby)
    with lobby.database.write() as session:
        session.add(session.get_one(Letter, letter.id).sqlmodel_update({"state": state}))
        session.add(
            session.get_one(OutboxMessage, message.id).sqlmodel_update({"state": message_state})
        )
    return letter.id


def reject_newest(lobby: Lobby) -> UUID:
    """Marks the newest letter as refused by the relay; returns its id."""
    with lobby.database.write() as session:
        (message,) = outbox.claim(session, now=lobby.clock(), limit=10)
        rejected = MessageState.REJECTED
        outbox.finish(session, message, rejected, now=lobby.clock(), detail="550")
        letter_states.record_delivery(
            session,
            message.subject_id,
            rejected,
            detail="550",
            keyring=lobby.keyring,
            now=lobby.clock(),
        )
    return message.subject_id


def sketches(lobby: Lobby, letter_id: UUID) -> list[LetterSketch]:
    with lobby.database.read() as session:
        return list(session.exec(select(LetterSketch).where(LetterSketch.letter_id == letter_id)))


def sent_in_tally(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        assert recounts.wrong_letter_hours(session) == []
        return sum(row.sent for row in session.exec(select(LetterTally)))


# ---- pace


def test_a_letter_that_is_confirmed_by_day_goes_at_once(
    client: TestClient, deliver: Deliver, real: Lobby
) -> None:
    answer = confirm(client, deliver)
    assert answer["goes_at"] == "2026-07-01T12:00:00Z"
    assert len(deliver()) == 1
    assert newest_letter(real)[0].state is LetterState.SENT


def test_a_letter_that_is_confirmed_by_night_goes_in_the_morning(
    client: TestClient, deliver: Deliver, real: Lobby, clock: Clock
) -> None:
    clock.now = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
    answer = confirm(client, deliver)
    assert answer["goes_at"] == "2026-07-02T06:00:00Z"
    assert deliver() == []
    clock.now = datetime(2026, 7, 2, 6, 0, tzinfo=UTC)
    assert [mail["Subject"] for mail in deliver()] == ["Please sign EDM 152"]
    assert newest_letter(real)[0].state is LetterState.SENT


def test_the_demonstrations_letters_go_by_night_too(
    client: TestClient, deliver: Deliver, clock: Clock
) -> None:
    clock.now = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
    assert confirm(client, deliver)["goes_at"] == "2026-07-01T22:30:00Z"
    assert len(deliver()) == 1


def test_a_campaigns_pace_decides_when_a_letter_goes(
    client: TestClient, deliver: Deliver, real: Lobby
) -> None:
    with real.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        session.add(campaign.sqlmodel_update({"letters_per_hour": 1}))
    assert confirm(client, deliver, email="first@example.org")["goes_at"] < "2026-07-01T13:00"
    assert "2026-07-01T13" in confirm(client, deliver, email="second@example.org")["goes_at"]


def test_an_organiser_sets_the_pace_and_takes_it_back(client: TestClient, key: Key) -> None:
    path = f"/v1/campaigns/{CAMPAIGN}"
    for limits in (
        {"letters_per_hour": 200, "letters_per_member_day": 30},
        {"letters_per_hour": None},
    ):
        answer = client.patch(path, json=limits, headers=key).json()
        assert {name: answer[name] for name in limits} == limits
    refused = client.patch(path, json={"letters_per_hour": 0}, headers=key)
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == ["letters_per_hour"]


def test_confirming_again_changes_no_place(client: TestClient, deliver: Deliver) -> None:
    path = letter_path(client, deliver)
    token = path.rpartition("/")[2]
    first = client.post("/v1/letters/confirm", json={"token": token}).json()
    again = client.post("/v1/letters/confirm", json={"token": token}).json()
    assert again == first


def test_a_letter_that_was_deferred_into_the_night_waits_for_the_morning(
    client: TestClient, deliver: Deliver, real: Lobby, clock: Clock
) -> None:
    clock.now = datetime(2026, 7, 1, 20, 59, tzinfo=UTC)  # 21:59 in London
    confirm(client, deliver)
    with real.database.write() as session:
        (claimed,) = outbox.claim(session, now=clock.now, limit=10, pace=real.pace)
        outbox.finish(session, claimed, MessageState.DEFERRED, now=clock.now, detail="451")
    clock.advance(hours=3)
    assert deliver() == []
    clock.now = datetime(2026, 7, 2, 6, 0, tzinfo=UTC)
    assert len(deliver()) == 1


def test_mails_to_supporters_do_not_wait_for_the_morning(
    client: TestClient, deliver: Deliver, real: Lobby, clock: Clock
) -> None:
    deliver()
    clock.now = datetime(2026, 7, 1, 23, 0, tzinfo=UTC)
    assert real.pace.is_quiet(clock.now)
    assert write(client).status_code == 303
    assert len(deliver()) == 1


# ---- a pause


@pytest.mark.slow
def test_nothing_goes_while_the_post_is_paused(
    client: TestClient, deliver: Deliver, lobby: Lobby, key: Key, clock: Clock
) -> None:
    confirm(client, deliver, email="before@example.org")
    answer = client.post(f"{POST}/pause", headers=key).json()
    assert (answer["is_paused"], answer["queued"], answer["next_at"]) == (True, 1, None)
    assert confirm(client, deliver, email="during@example.org")["goes_at"] is None
    clock.advance(days=3)
    assert deliver() == []
    answer = client.post(f"{POST}/resume", headers=key).json()
    assert (answer["is_paused"], answer["queued"]) == (False, 2)
    assert len(deliver()) == 2
    assert newest_letter(lobby)[0].state is LetterState.SENT


def test_a_letter_that_was_deferred_meanwhile_waits_too(
    client: TestClient, deliver: Deliver, lobby: Lobby, key: Key, clock: Clock
) -> None:
    """It was being sent when the pause began, so its next attempt has to wait."""
    confirm(client, deliver)
    with lobby.database.write() as session:
        (claimed,) = outbox.claim(session, now=clock.now, limit=10)
    client.post(f"{POST}/pause", headers=key)
    with lobby.database.write() as session:
        outbox.finish(session, claimed, MessageState.DEFERRED, now=clock.now, detail="451")
    clock.advance(hours=1)
    assert worker.deliver_due(lobby) == 0
    client.post(f"{POST}/resume", headers=key)
    assert len(deliver()) == 1


@pytest.mark.slow
def test_what_waited_gets_places_and_does_not_go_all_at_once(
    client: TestClient, deliver: Deliver, real: Lobby, key: Key, clock: Clock
) -> None:
    clock.advance(hours=1)  # the demonstration's letters were sent in the hour before
    client.post(f"{POST}/pause", headers=key)
    for number in range(3):
        confirm(client, deliver, email=f"writer{number}@example.org")
    with real.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        session.add(campaign.sqlmodel_update({"letters_per_hour": 2}))
    answer = client.post(f"{POST}/resume", headers=key).json()
    assert answer["next_at"] < "2026-07-01T14:00" <= answer["last_at"]


def test_pausing_and_resuming_twice_is_the_same_as_once(client: TestClient, key: Key) -> None:
    first = client.post(f"{POST}/pause", headers=key).json()
    assert client.post(f"{POST}/pause", headers=key).json() == first
    first = client.post(f"{POST}/resume", headers=key).json()
    assert client.post(f"{POST}/resume", headers=key).json() == first


# ---- what an organiser sees


def test_the_post_is_counted_by_state(
    client: TestClient, deliver: Deliver, lobby: Lobby, key: Key
) -> None:
    sent = client.get(POST, headers=key).json()["sent"]
    assert sent == sent_in_tally(lobby) > 0
    confirm(client, deliver)
    answer = client.get(POST, headers=key).json()
    assert (answer["queued"], answer["sent"]) == (1, sent)
    assert answer["next_at"] == answer["waiting_since"] == "2026-07-01T12:00:00Z"


def test_letters_are_listed_without_words_and_writers(
    client: TestClient, deliver: Deliver, key: Key
) -> None:
    confirm(client, deliver)
    answer = client.get(f"{POST}/letters?state=queued", headers=key)
    (row,) = answer.json()
    assert row["member"]["name"] == "Morag Ferncastle"
    assert row["message_id"].startswith("<")
    assert (row["attempts"], row["goes_at"]) == (0, "2026-07-01T12:00:00Z")
    for private in ("Anna", "anna@", "Princes", "ward depends", "Please sign"):
        assert private not in answer.text


def test_the_list_of_letters_has_pages(client: TestClient, key: Key) -> None:
    first = client.get(f"{POST}/letters?limit=5", headers=key)
    following = first.links["next"]["url"]
    second = client.get(following, headers=key).json()
    assert not {row["id"] for row in first.json()} & {row["id"] for row in second}


def test_another_organisations_post_is_not_there(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    confirm(client, deliver)
    other = others_key(lobby, Scope.CAMPAIGNS_WRITE, Scope.LETTERS_READ)
    letter_id = set_states(lobby, LetterState.UNCERTAIN, MessageState.UNCERTAIN)
    assert client.get(POST, headers=other).status_code == 404
    assert client.post(f"{POST}/pause", headers=other).status_code == 404
    for path, body in (("retry", None), ("settle", {"outcome": "sent"})):
        answer = client.post(f"/v1/letters/{letter_id}/{path}", headers=other, json=body)
        assert (answer.status_code, answer.json()["code"]) == (404, "letter_unknown")


# ---- what an organiser settles


def test_a_letter_that_was_refused_can_be_sent_again(
    client: TestClient, deliver: Deliver, lobby: Lobby, key: Key
) -> None:
    confirm(client, deliver)
    letter_id = reject_newest(lobby)
    assert deliver() == []
    assert not sketches(lobby, letter_id), "the office did not get it"
    answer = client.post(f"/v1/letters/{letter_id}/retry", headers=key)
    assert answer.json() == {"id": str(letter_id), "status": "queued", "state": "queued"}
    assert sketches(lobby, letter_id), "later letters are compared with it"
    assert len(deliver()) == 1
    again = client.post(f"/v1/letters/{letter_id}/retry", headers=key)
    assert (again.status_code, again.json()["code"]) == (409, "letter_not_refused")


def test_a_deferred_letter_can_be_tried_right_now(
    client: TestClient, deliver: Deliver, lobby: Lobby, key: Key, clock: Clock
) -> None:
    confirm(client, deliver)
    letter_id = set_states(lobby, LetterState.QUEUED, MessageState.DEFERRED)
    with lobby.database.write() as session:
        message = session.get_one(OutboxMessage, newest_letter(lobby)[1].id)
        session.add(message.sqlmodel_update({"due_at": clock.now + timedelta(hours=4)}))
    assert deliver() == []
    assert client.post(f"/v1/letters/{letter_id}/retry", headers=key).status_code == 200
    assert len(deliver()) == 1


@pytest.mark.parametrize(
    ("state", "message_state"),
    [
        (LetterState.SENT, MessageState.ACCEPTED),
        (LetterState.UNCERTAIN, MessageState.UNCERTAIN),
        (LetterState.QUEUED, MessageState.CLAIMED),
        (LetterState.QUEUED, MessageState.DOT_PENDING),
        (LetterState.CANCELLED, MessageState.DROPPED),
    ],
)
def test_what_went_or_may_have_gone_is_never_sent_again(
    client: TestClient,
    deliver: Deliver,
    lobby: Lobby,
    key: Key,
    state: LetterState,
    message_state: MessageState,
) -> None:
    confirm(client, deliver)
    letter_id = set_states(lobby, state, message_state)
    assert client.post(f"/v1/letters/{letter_id}/retry", headers=key).status_code == 409
    assert deliver() == []


def test_an_uncertain_letter_that_went_is_counted_once(
    client: TestClient, deliver: Deliver, lobby: Lobby, key: Key
) -> None:
    confirm(client, deliver)
    before = sent_in_tally(lobby)
    letter_id = set_states(lobby, LetterState.UNCERTAIN, MessageState.UNCERTAIN)
    path = f"/v1/letters/{letter_id}/settle"
    answer = client.post(path, json={"outcome": "sent"}, headers=key)
    assert answer.json()["status"] == "sent"
    assert sent_in_tally(lobby) == before + 1
    assert client.post(path, json={"outcome": "sent"}, headers=key).status_code == 409
    assert sent_in_tally(lobby) == before + 1
    assert deliver() == []


def test_an_uncertain_letter_that_did_not_go_goes_now(
    client: TestClient, deliver: Deliver, lobby: Lobby, key: Key
) -> None:
    confirm(client, deliver)
    letter_id = set_states(lobby, LetterState.UNCERTAIN, MessageState.UNCERTAIN)
    answer = client.post(
        f"/v1/letters/{letter_id}/settle", json={"outcome": "not_sent"}, headers=key
    )
    assert answer.json()["status"] == "queued"
    assert len(deliver()) == 1
