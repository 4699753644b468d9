"""Tests the calls for webhooks, and deliveries to a real receiver."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError
from sqlmodel import select
from standardwebhooks import Webhook, WebhookVerificationError

import worker
from core.settings import Settings
from models import ApiKey, DeliveryState, Organiser, Scope, WebhookEndpoint
from models.base import table_of
from services.assembly import Lobby
from services.database import engine
from services.operations import checks
from services.signatures import recording, signature_states
from services.webhooks import claims, endpoints, outcomes, retry_times
from services.webhooks.outcomes import FinishedAttempt
from services.webhooks.sender import Reply
from tests.support.common import CAMPAIGN, CAN_SIGN, METRICS, PETITION, Clock
from tests.support.keys import Headers, key_for, others_key
from tests.support.outside.webhook_receiver import (
    GO_ON,
    Answer,
    Receiver,
    deliver,
    deliveries_held,
    endpoint_of,
    to_loopback,
)
from tests.support.partners import SECOND, add_second_petition, bearer
from tests.support.partners import secret as secret_of
from tests.support.webhooks import (
    ANNA,
    CONFIRMED,
    HOOKS,
    change_webhook,
    create_webhook,
    sign_and_confirm,
)

EVERY_EVENT = [event.value for event in endpoints.SUBSCRIBABLE]
URL = "https://hooks.example.org/lobby"


@pytest.fixture
def lobby(lobby: Lobby) -> Lobby:
    """Allows deliveries to a receiver on loopback."""
    return to_loopback(lobby)


@pytest.fixture
def key(lobby: Lobby) -> Headers:
    return key_for(lobby, Scope.WEBHOOKS_WRITE, Scope.SIGNATURES_READ)


def get_webhook(client: TestClient, key: Headers, made: Any) -> Any:
    return client.get(f"{HOOKS}/{made['id']}", headers=key).json()


def log_of(client: TestClient, key: Headers, made: Any, **query: str) -> Any:
    answer = client.get(f"{HOOKS}/{made['id']}/deliveries", params=query, headers=key)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
def real_time(clock: Clock) -> Clock:
    """Sets the clock to the real time, because receivers check the age of a delivery."""
    clock.now = datetime.now(UTC)
    return clock


# ---- deliveries


@pytest.mark.usefixtures("real_time")
def test_the_library_of_the_standard_verifies_what_comes(
    lobby: Lobby, client: TestClient, key: Headers, receiver: Receiver
) -> None:
    made = create_webhook(client, key, receiver.url)
    (signature_id,) = sign_and_confirm(lobby)
    assert deliver(lobby) == 1
    (taken,) = receiver.taken
    event = Webhook(made["secret"]).verify(taken.content, taken.headers)
    assert event["type"] == CONFIRMED
    assert event["data"] == {
        "signature_id": str(signature_id),
        "petition": PETITION,
        "campaign": CAMPAIGN,
        "constituency": "S14000078",
        "signed_at": event["timestamp"],
        "confirmed_at": event["timestamp"],
    }
    assert taken.headers["content-type"] == "application/json"


@pytest.mark.usefixtures("real_time")
@pytest.mark.parametrize("header", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_delivery_that_was_tampered_with_is_refused(
    lobby: Lobby, client: TestClient, key: Headers, receiver: Receiver, header: str
) -> None:
    made = create_webhook(client, key, receiver.url)
    sign_and_confirm(lobby)
    deliver(lobby)
    (taken,) = receiver.taken
    good = Webhook(made["secret"])
    with pytest.raises(WebhookVerificationError):
        good.verify(taken.content.replace(b"S14000078", b"S14000079"), taken.headers)
    other = {"webhook-id": "msg_0", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"}
    with pytest.raises(WebhookVerificationError):
        good.verify(taken.content, taken.headers | {header: other[header]})
    with pytest.raises(WebhookVerificationError):
        Webhook(endpoints.PREFIX + "AAAA").verify(taken.content, taken.headers)


@pytest.mark.usefixtures("real_time")
def test_for_a_day_after_a_new_secret_both_sign(
    lobby: Lobby, client: TestClient, key: Headers, receiver: Receiver, clock: Clock
) -> None:
    made = create_webhook(client, key, receiver.url)
    answer = client.post(f"{HOOKS}/{made['id']}/secret", headers=key)
    old, new = made["secret"], answer.json()["secret"]
    assert old != new
    assert answer.json()["former_secret_until"] is not None
    again = client.post(f"{HOOKS}/{made['id']}/secret", headers=key)
    assert (again.status_code, again.json()["code"]) == (409, "secret_rotated")
    sign_and_confirm(lobby)
    deliver(lobby)
    (taken,) = receiver.taken
    assert len(taken.headers["webhook-signature"].split(" ")) == 2
    for secret in (old, new):
        assert Webhook(secret).verify(taken.content, taken.headers)
    clock.advance(hours=24)
    client.post(f"{HOOKS}/{made['id']}/test", headers=key)
    deliver(lobby)
    taken = receiver.taken[-1]
    is_new = {"webhook-id": taken.id, "webhook-timestamp": taken.headers["webhook-timestamp"]}
    moment = datetime.fromtimestamp(int(is_new["webhook-timestamp"]), UTC)
    signed = Webhook(new).sign(taken.id, moment, taken.content.decode())
    assert taken.headers["webhook-signature"] == signed
    assert client.post(f"{HOOKS}/{made['id']}/secret", headers=key).status_code == 200


def test_whose_signature_it_is_comes_where_it_is_wanted_and_allowed(
    lobby: Lobby, client: TestClient, key: Headers, receiver: Receiver
) -> None:
    create_webhook(client, key, receiver.url, personal_data=True)
    sign_and_confirm(lobby, replace(ANNA, comment="It matters", source="leaflet"))
    deliver(lobby)
    assert receiver.taken[0].told["data"]["person"] == {
        "name": "Anna Example",
        "email": "anna@example.org",
        "postcode": CAN_SIGN,
        "country": "GB",
        "comment": "It matters",
        "locale": "en",
        "source": "leaflet",
        "provenance": None,
        "updates": True,
    }


def test_who_has_withdrawn_meanwhile_is_not_told_of(
    lobby: Lobby, client: TestClient, key: Headers, receiver: Receiver
) -> None:
    create_webhook(client, key, receiver.url, personal_data=True)
    (signature_id,) = sign_and_confirm(lobby)
    with lobby.database.write() as session:
        signature_states.withdraw(session, signature_id, now=lobby.clock())
    deliver(lobby)
    assert receiver.taken[0].told["data"]["person"] is None
    assert b"anna" not in receiver.taken[0].content.lower()


def test_nothing_personal_is_sent_kept_or_logged_where_it_is_not_wanted(
    lobby: Lobby, client: TestClient, key: Headers, receiver: Receiver
) -> None:
    made = create_webhook(client, key, receiver.url, events=EVERY_EVENT)
    (signature_id,) = sign_and_confirm(lobby)
    with lobby.database.write() as session:
        signature_states.disown(session, signature_id, now=lobby.clock())
    assert deliver(lobby) == 3
    payloads = [delivery.payload for delivery in deliveries_held(lobby)]
    shown = json.dumps(log_of(client, key, made))
    for text in (*payloads, shown, *(taken.content.decode() for taken in receiver.taken)):
        assert not {"anna", "example.org", CAN_SIGN.lower()} & set(text.lower().split('"'))
        assert "anna" not in text.lower()


def test_secret_and_address_are_sealed_at_rest(
    lobby: Lobby, client: TestClient, key: Headers
) -> None:
    made = create_webhook(client, key, URL)
    table = table_of(WebhookEndpoint)
    with lobby.database.connection() as connection:
        row = connection.exec_driver_sql(f"SELECT * FROM {table.name}").one()
    stored = repr([bytes(value) if isinstance(value, memoryview) else value for value in row])
    assert made["secret"].removeprefix(endpoints.PREFIX) not in stored
    assert "hooks.example.org" not in stored
    assert "secret" not in get_webhook(client, key, made)


# ---- at least once


def test_a_worker_that_dies_before_it_writes_down_repeats_under_the_same_id(
    lobby: Lobby, client: TestClient, key: Headers, receiver: Receiver, clock: Clock
) -> None:
    """The worker dies once before it sends and once after."""
    made = create_webhook(client, key, receiver.url)
    sign_and_confirm(lobby)
    with lobby.database.write() as session:
        _, (claimed,) = claims.claim(session, UUID(made["id"]), now=lobby.clock(), limit=9)
    assert deliver(lobby) == 0, "it is another's"
    clock.advance(minutes=4)
    worker.clean_up_webhooks(lobby, GO_ON)
    assert deliver(lobby) == 0, "whose lease has not ended"
    clock.advance(minutes=2)
    worker.clean_up_webhooks(lobby, GO_ON)
    with lobby.database.write() as session:
        endpoint, again = claims.claim(session, UUID(made["id"]), now=lobby.clock(), limit=9)
    assert endpoint is not None
    headers = endpoints.signed_headers(endpoint, again[0].id, again[0].payload, now=lobby.clock())
    assert lobby.webhooks.post(receiver.url, again[0].payload.encode(), headers).is_good
    clock.advance(minutes=6)
    worker.clean_up_webhooks(lobby, GO_ON)
    assert deliver(lobby) == 1
    assert {taken.id for taken in receiver.taken} == {endpoints.message_id(claimed.id)}
    assert len(receiver.taken) == 2
    (ended,) = deliveries_held(lobby)
    assert (ended.state, ended.attempt) == (DeliveryState.DELIVERED, 3)


def test_who_comes_back_from_the_dead_is_not_believed(
    lobby: Lobby, client: TestClient, key: Headers, receiver: Receiver, clock: Clock
) -> None:
    made = create_webhook(client, key, receiver.url)
    sign_and_confirm(lobby)
    with lobby.database.write() as session:
        _, claimed = claims.claim(session, UUID(made["id"]), now=clock(), limit=9)
    clock.advance(minutes=6)
    worker.clean_up_webhooks(lobby, GO_ON)
    assert deliver(lobby) == 1
    late = [FinishedAttempt(claimed[0], Reply(status=500))]
    with lobby.database.write() as session:
        outcomes.record(session, UUID(made["id"]), late, now=clock())
    (ended,) = deliveries_held(lobby)
    assert (ended.state, ended.response_status) == (DeliveryState.DELIVERED, 204)


@pytest.mark.slow
def test_every_failure_is_tried_again_for_three_days_and_then_written_down(
    lobby: Lobby, client: TestClient, key: Headers, receiver: Receiver, clock: Clock
) -> None:
    made = create_webhook(client, key, receiver.url)
    sign_and_confirm(lobby)
    answers = (500, 404, 302, 200 + 199, 503, 418, 401, 500, 500, 500)
    receiver.answers += [Answer(status) for status in answers]
    started, delays = clock(), []
    for _ in answers:
        assert deliver(lobby) == 1
        (waiting,) = deliveries_held(lobby)
        if waiting.state is DeliveryState.QUEUED:
            delays.append(waiting.due_at - clock())
            clock.now = max(waiting.due_at, resting_until(lobby, made) or clock.now)
    shortest_delays = retry_times.WAITS
    assert all(
        wait <= delay <= wait * 1.2 for wait, delay in zip(shortest_delays, delays, strict=True)
    )
    assert timedelta(days=3) < clock() - started < timedelta(days=4)
    assert {taken.id for taken in receiver.taken} == {endpoints.message_id(waiting.id)}
    assert (waiting.state, waiting.attempt) == (DeliveryState.FAILED, 10)
    (logged,) = log_of(client, key, made)
    assert (logged["state"], logged["response_status"]) == ("failed", 500)
    endpoint = get_webhook(client, key, made)
    assert (endpoint["enabled"], endpoint["disabled_reason"]) == (False, "failing")


def resting_until(lobby: Lobby, made: Any) -> datetime | None:
    return endpoint_of(lobby, made["id"]).resting_until


def test_a_good_answer_ends_the_trouble(
    lobby: Lobby, client: TestClient, key: Headers, receiver: Receiver, clock: Clock
) -> None:
    made = create_webhook(client, key, receiver.url)
    sign_and_confirm(lobby)
    receiver.answers.append(Answer(500))
    deliver(lobby)
    assert get_webhook(client, key, made)["failing_since"] is not None
    clock.advance(seconds=7)
    deliver(lobby)
    assert get_webhook(client, key, made)["failing_since"] is None
    assert log_of(client, key, made)[0]["state"] == "delivered"


def test_what_a_receiver_asks_us_to_wait_is_obeyed_up_to_a_day(
    lobby: Lobby, client: TestClient, key: Headers, receiver: Receiver, clock: Clock
) -> None:
    create_webhook(client, key, receiver.url)
    sign_and_confirm(lobby)
    receiver.answers.append(Answer(429, {"Retry-After": "3600"}))
    receiver.answers.append(Answer(503, {"Retry-After": "99999999"}))
    deliver(lobby)
    sign_and_confirm(lobby, replace(ANNA, email="bertha@example.org"))
    clock.advance(seconds=3599)
    assert deliver(lobby) == 0, "nor does another delivery go there meanwhile"
    clock.advance(seconds=1)
    assert deliver(lobby) == 1
    clock.advance(hours=24)
    assert deliver(lobby) == 2


def test_an_endpoint_that_is_gone_is_disabled_and_what_waits_is_held(
    lobby: Lobby, client: TestClient, key: Headers, receiver: Receiver
) -> None:
    made = create_webhook(client, key, receiver.url)
    sign_and_confirm(lobby, ANNA, replace(ANNA, email="bertha@example.org"))
    receiver.answers.append(Answer(410))
    assert deliver(lobby) == 1
    endpoint = get_webhook(client, key, made)
    assert (endpoint["enabled"], endpoint["disabled_reason"]) == (False, "gone")
    assert [entry["state"] for entry in log_of(client, key, made)] == ["held", "failed"]
    sign_and_confirm(lobby, replace(ANNA, email="cara@example.org"))
    assert len(deliveries_held(lobby)) == 2, "nothing is written for who is not told"
    refused = client.post(f"{HOOKS}/{made['id']}/test", headers=key)
    assert (refused.status_code, refused.json()["code"]) == (409, "webhook_disabled")
    assert change_webhook(client, key, made, enabled=True).json()["disabled_reason"] is None
    assert deliver(lobby) == 1


def test_an_endpoint_in_trouble_is_left_alone_and_then_tried_with_one(
    lobby: Lobby, client: TestClient, key: Headers, receiver: Receiver, clock: Clock
) -> None:
    create_webhook(client, key, receiver.url)
    sign_and_confirm(lobby, *(replace(ANNA, email=f"p{number}@example.org") for number in range(9)))
    receiver.answers += [Answer(500)] * 6
    assert deliver(lobby) == 5, "each failure ends the turn"
    assert deliver(lobby) == 0
    clock.advance(seconds=31)
    assert deliver(lobby) == 1
    clock.advance(seconds=61)
    assert deliver(lobby) == 9
    assert {delivery.state for delivery in deliveries_held(lobby)} == {DeliveryState.DELIVERED}


def test_old_deliveries_are_forgotten(
    lobby: Lobby, client: TestClient, key: Headers, receiver: Receiver, clock: Clock
) -> None:
    create_webhook(client, key, receiver.url)
    sign_and_confirm(lobby)
    deliver(lobby)
    clock.advance(days=29)
    sign_and_confirm(lobby, replace(ANNA, email="bertha@example.org"))
    clock.advance(days=1)
    worker.clean_up_webhooks(lobby, GO_ON)
    assert [delivery.state for delivery in deliveries_held(lobby)] == [DeliveryState.QUEUED]


# ---- the key of an endpoint


@pytest.mark.parametrize("ended", ["revoked_at", "expires_at"])
def test_with_the_end_of_its_key_nothing_is_told_until_another_takes_over(
    lobby: Lobby, client: TestClient, key: Headers, receiver: Receiver, ended: str
) -> None:
    made = create_webhook(client, key, receiver.url)
    sign_and_confirm(lobby)
    with lobby.database.write() as session:
        prefix = key["Authorization"].split("_")[1]
        key_row = session.exec(select(ApiKey).where(ApiKey.prefix == prefix)).one()
        setattr(key_row, ended, lobby.clock())
    assert deliver(lobby) == 0
    sign_and_confirm(lobby, replace(ANNA, email="bertha@example.org"))
    assert len(deliveries_held(lobby)) == 1
    worker.clean_up_webhooks(lobby, GO_ON)
    another = key_for(lobby, Scope.WEBHOOKS_WRITE)
    endpoint = get_webhook(client, another, made)
    assert (endpoint["enabled"], endpoint["disabled_reason"]) == (False, "key_ended")
    taken_over = change_webhook(client, another, made, enabled=True).json()
    assert taken_over["key"] == another["Authorization"].split("_")[1]
    assert deliver(lobby) == 1


def test_personal_data_needs_a_key_that_may_read_it(
    lobby: Lobby, client: TestClient, key: Headers
) -> None:
    other = key_for(lobby, Scope.WEBHOOKS_WRITE)
    body = {"url": URL, "events": [CONFIRMED], "personal_data": True}
    refused = [client.post(HOOKS, json=body, headers=other)]
    made = create_webhook(client, key, URL, personal_data=True)
    refused.append(change_webhook(client, other, made, url="https://elsewhere.example.org/"))
    refused.append(
        change_webhook(client, other, create_webhook(client, other, URL), personal_data=True)
    )
    assert {(reply.status_code, reply.json()["code"]) for reply in refused} == {
        (403, "scope_missing")
    }
    assert get_webhook(client, key, made)["url"] == URL
    assert change_webhook(client, other, made, personal_data=False).status_code == 200


def test_a_key_for_some_petitions_is_told_of_no_others(lobby: Lobby, client: TestClient) -> None:
    add_second_petition(lobby)
    scopes = (Scope.WEBHOOKS_WRITE, Scope.SIGNATURES_READ)
    narrow = bearer(secret_of(lobby, *scopes, petition_slugs=[SECOND]))
    body = {"url": URL, "events": [CONFIRMED], "personal_data": True}
    hook = {"target_url": URL, "event": CONFIRMED}
    refused = [
        client.post(HOOKS, json=body, headers=narrow),
        client.post(HOOKS, json=body | {"petition": PETITION}, headers=narrow),
        client.post(HOOKS, json=body | {"campaign": CAMPAIGN}, headers=narrow),
        client.post("/v1/hooks", json=hook, headers=narrow),
    ]
    made = create_webhook(client, narrow, URL, petition=SECOND, personal_data=True)
    refused += [change_webhook(client, narrow, made, petition=other) for other in (None, PETITION)]
    unlimited = create_webhook(client, key_for(lobby, *scopes), URL, personal_data=True)
    refused.append(change_webhook(client, narrow, unlimited, url="https://elsewhere.example.org/"))
    codes = {(answer.status_code, answer.json()["code"]) for answer in refused}
    assert codes == {(403, "petition_not_allowed")}
    assert get_webhook(client, narrow, made)["petition"] == SECOND
    assert get_webhook(client, narrow, unlimited)["url"] == URL


def test_an_endpoint_of_another_organisation_is_a_404(
    lobby: Lobby, client: TestClient, key: Headers, receiver: Receiver
) -> None:
    made = create_webhook(client, key, receiver.url)
    sign_and_confirm(lobby)
    (delivery,) = deliveries_held(lobby)
    theirs = others_key(lobby, Scope.WEBHOOKS_WRITE)
    address = f"{HOOKS}/{made['id']}"
    calls = [
        ("GET", address, None),
        ("PATCH", address, {"description": "ours"}),
        ("POST", f"{address}/secret", None),
        ("POST", f"{address}/test", None),
        ("GET", f"{address}/deliveries", None),
        ("POST", f"{address}/deliveries/{delivery.id}/resend", None),
        ("DELETE", address, None),
        ("DELETE", f"/v1/hooks/{made['id']}", None),
    ]
    for method, path, body in calls:
        answer = client.request(method, path, json=body, headers=theirs)
        assert (answer.status_code, answer.json()["code"]) == (404, "webhook_unknown"), path
    assert client.get(HOOKS, headers=theirs).json() == []
    own = create_webhook(client, theirs, URL)
    path = f"{HOOKS}/{own['id']}/deliveries/{delivery.id}/resend"
    answer = client.post(path, headers=theirs)
    assert (answer.status_code, answer.json()["code"]) == (404, "delivery_unknown")
    filtered = client.post(
        HOOKS, json={"url": URL, "events": [CONFIRMED], "petition": PETITION}, headers=theirs
    )
    assert (filtered.status_code, filtered.json()["errors"][0]["field"]) == (422, "petition")


# ---- the calls

BAD = [
    ({"url": "http://hooks.example.org/"}, "url", "not_https"),
    ({"url": "https://10.0.0.1/"}, "url", "host_not_public"),
    ({"url": "https://localhost:5432/"}, "url", "port_not_allowed"),
    ({"url": "https://name:word@hooks.example.org/"}, "url", "url_has_credentials"),
    ({"url": "https://hooks.example.org:8443/"}, "url", "port_not_allowed"),
    ({"url": ""}, "url", "url_malformed"),
    ({"url": 5}, "url", "string_type"),
    ({"url": "https://hooks.example.org/" + "x" * 600}, "url", "too_long"),
    ({"events": []}, "events", "too_short"),
    ({"events": ["signature.unheard"]}, "events.0", "literal_error"),
    ({"events": ["webhook.test"]}, "events.0", "literal_error"),
    ({"campaign": CAMPAIGN, "petition": PETITION}, "petition", "two_filters"),
    ({"campaign": "unknown"}, "campaign", "campaign_unknown"),
    ({"petition": "unknown"}, "petition", "petition_unknown"),
    ({"description": "two\nlines"}, "description", "control_character"),
    ({"colour": "red"}, "colour", "unknown_field"),
]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("wrong", "field", "code"), BAD, ids=[str(case[1:]) for case in BAD])
def test_what_is_wrong_is_named_and_nothing_is_made(
    client: TestClient, key: Headers, wrong: dict[str, Any], field: str, code: str
) -> None:
    answer = client.post(HOOKS, json={"url": URL, "events": [CONFIRMED]} | wrong, headers=key)
    assert answer.status_code == 422
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [(field, code)]
    assert client.get(HOOKS, headers=key).json() == []


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"url": "https://10.0.0.1/"}, "url"),
        ({"url": None}, "url"),
        ({"events": []}, "events"),
        ({"enabled": None}, "enabled"),
        ({"petition": PETITION}, "petition"),
        ({"campaign": "unknown"}, "campaign"),
    ],
)
def test_a_wrong_change_changes_nothing(
    client: TestClient, key: Headers, values: dict[str, Any], field: str
) -> None:
    made = create_webhook(client, key, URL, campaign=CAMPAIGN)
    before = get_webhook(client, key, made)
    answer = change_webhook(client, key, made, **values, description="new")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert get_webhook(client, key, made) == before


def test_an_endpoint_is_made_read_changed_and_deleted(
    lobby: Lobby, client: TestClient, key: Headers, clock: Clock
) -> None:
    made = create_webhook(client, key, URL, events=[CONFIRMED, "letter.sent"], description="CRM")
    assert made["secret"].startswith("whsec_")
    assert get_webhook(client, key, made) == {k: v for k, v in made.items() if k != "secret"}
    clock.advance(minutes=1)
    changed = change_webhook(client, key, made, events=["letter.sent"], campaign=CAMPAIGN).json()
    assert (changed["events"], changed["campaign"]) == (["letter.sent"], CAMPAIGN)
    assert changed["updated_at"] > changed["created_at"]
    assert change_webhook(client, key, made, campaign=None).json()["campaign"] is None
    assert client.get(HOOKS, headers=key).json() == [get_webhook(client, key, made)]
    client.post(f"{HOOKS}/{made['id']}/test", headers=key)
    assert client.delete(f"{HOOKS}/{made['id']}", headers=key).status_code == 204
    assert client.get(f"{HOOKS}/{made['id']}", headers=key).status_code == 404
    assert deliveries_held(lobby) == []


def test_a_key_without_the_scope_may_not(client: TestClient, lobby: Lobby) -> None:
    weak = key_for(lobby, Scope.SIGNATURES_READ)
    answer = client.get(HOOKS, headers=weak)
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


def test_there_are_not_endpoints_without_end(
    lobby: Lobby, client: TestClient, key: Headers
) -> None:
    made = create_webhook(client, key, URL)
    with lobby.database.write() as session:
        first = session.get_one(WebhookEndpoint, UUID(made["id"]))
        names = WebhookEndpoint.model_fields.keys() - {"id"}
        columns = {name: getattr(first, name) for name in names}
        session.add_all(WebhookEndpoint(**columns) for _ in range(endpoints.MOST_ENDPOINTS - 1))
    answer = client.post(HOOKS, json={"url": URL, "events": [CONFIRMED]}, headers=key)
    assert (answer.status_code, answer.json()["code"]) == (409, "webhooks_too_many")


def test_a_repeated_creation_makes_one_and_tells_its_secret_again(
    client: TestClient, key: Headers
) -> None:
    body = {"url": URL, "events": [CONFIRMED]}
    headers = key | {"Idempotency-Key": "once"}
    first, second = (client.post(HOOKS, json=body, headers=headers) for _ in range(2))
    assert first.content == second.content
    assert len(client.get(HOOKS, headers=key).json()) == 1


def test_a_test_goes_at_once_whatever_the_endpoint_wants(
    lobby: Lobby, client: TestClient, key: Headers, receiver: Receiver
) -> None:
    made = create_webhook(client, key, receiver.url)
    answer = client.post(f"{HOOKS}/{made['id']}/test", headers=key)
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    assert deliver(lobby) == 1
    assert receiver.taken[0].told["type"] == "webhook.test"
    (logged,) = log_of(client, key, made)
    assert logged["webhook_id"] == receiver.taken[0].id
    assert (logged["state"], logged["attempts"], logged["response_status"]) == (
        "delivered",
        1,
        204,
    )


def test_a_delivery_is_sent_again_under_its_id(
    lobby: Lobby, client: TestClient, key: Headers, receiver: Receiver
) -> None:
    made = create_webhook(client, key, receiver.url)
    sign_and_confirm(lobby)
    (logged,) = log_of(client, key, made)
    path = f"{HOOKS}/{made['id']}/deliveries/{logged['id']}/resend"
    waits = client.post(path, headers=key)
    assert (waits.status_code, waits.json()["code"]) == (409, "delivery_waits")
    deliver(lobby)
    assert client.post(path, headers=key).status_code == 202
    deliver(lobby)
    assert [taken.id for taken in receiver.taken] == [logged["webhook_id"]] * 2
    assert len(log_of(client, key, made)) == 1


def test_the_log_comes_in_pages_and_by_state(
    lobby: Lobby, client: TestClient, key: Headers, receiver: Receiver
) -> None:
    made = create_webhook(client, key, receiver.url)
    sign_and_confirm(lobby, *(replace(ANNA, email=f"p{number}@example.org") for number in range(5)))
    receiver.answers += [Answer(204), Answer(204), Answer(500)]
    worker.deliver_webhooks(lobby, GO_ON)
    assert len(log_of(client, key, made, state="delivered")) == 2
    ids, path = [], f"{HOOKS}/{made['id']}/deliveries?limit=2"
    while path:
        answer = client.get(path, headers=key)
        ids += [entry["id"] for entry in answer.json()]
        path = answer.links.get("next", {}).get("url", "")
    assert ids == [str(delivery.id) for delivery in reversed(deliveries_held(lobby))]


# ---- REST hooks


def test_a_hook_is_subscribed_told_and_unsubscribed(
    lobby: Lobby, client: TestClient, key: Headers, receiver: Receiver
) -> None:
    body = {"target_url": receiver.url, "event": CONFIRMED, "personal_data": True}
    made = client.post("/v1/hooks", json=body, headers=key)
    assert made.status_code == 201
    assert made.json()["target_url"] == receiver.url
    sign_and_confirm(lobby)
    deliver(lobby)
    sample = client.get(f"/v1/hooks/samples/{CONFIRMED}", headers=key).json()
    assert [shape_of(event) for event in sample] == [shape_of(receiver.taken[0].told)]
    assert client.delete(f"/v1/hooks/{made.json()['id']}", headers=key).status_code == 204
    sign_and_confirm(lobby, replace(ANNA, email="bertha@example.org"))
    assert deliver(lobby) == 0


def shape_of(event_part: Any) -> Any:
    """Returns the names in an event, at all levels."""
    if isinstance(event_part, dict):
        return {name: shape_of(value) for name, value in event_part.items()}
    return None


def test_a_hook_that_is_wrong_is_told_by_its_own_name(client: TestClient, key: Headers) -> None:
    body = {"target_url": "https://10.0.0.1/", "event": CONFIRMED}
    answer = client.post("/v1/hooks", json=body, headers=key)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "target_url")
    unheard = client.get("/v1/hooks/samples/unheard", headers=key)
    assert (unheard.status_code, unheard.json()["errors"][0]["field"]) == (422, "event")


def test_samples_have_nothing_personal_for_a_key_that_may_not_read_it(
    lobby: Lobby, client: TestClient
) -> None:
    weak = key_for(lobby, Scope.WEBHOOKS_WRITE)
    for event in EVERY_EVENT:
        (sample,) = client.get(f"/v1/hooks/samples/{event}", headers=weak).json()
        assert sample["type"] == event
        assert "person" not in sample["data"]


# ---- migrations


@pytest.mark.slow
def test_what_keys_made_survives_the_way_to_an_older_version_and_back(
    lobby: Lobby, client: TestClient, key: Headers
) -> None:
    """In the older version only keys own endpoints, so endpoints of organisers are lost."""
    by_key, by_organiser = (
        create_webhook(client, key, URL, description=name) for name in ("kept", "lost")
    )
    sign_and_confirm(lobby)
    with lobby.database.write() as session:
        endpoint = session.get_one(WebhookEndpoint, UUID(by_organiser["id"]))
        endpoint.api_key_id, endpoint.organiser_id = None, session.exec(select(Organiser.id)).one()
    before = get_webhook(client, key, by_key), log_of(client, key, by_key)
    engine.migrate(lobby.database, "0013")
    engine.migrate(lobby.database)
    assert (get_webhook(client, key, by_key), log_of(client, key, by_key)) == before
    assert client.get(HOOKS, headers=key).json() == [before[0]]
    assert [row.endpoint_id for row in deliveries_held(lobby)] == [UUID(by_key["id"])]


# ---- for operators


def test_webhooks_to_this_machine_are_refused_where_others_are_served(tmp_path: Path) -> None:
    parts: dict[str, Any] = {"data_dir": tmp_path, "webhooks_to_loopback": True}
    assert Settings(**parts, base_url="http://127.0.0.1:8000").webhooks_to_loopback
    with pytest.raises(ValidationError, match="LOBBY_WEBHOOKS_TO_LOOPBACK is for development"):
        Settings(**parts, base_url="https://lobby.example.org")


@pytest.mark.slow
def test_the_check_tells_what_waits_and_who_is_disabled(
    lobby: Lobby, client: TestClient, key: Headers, receiver: Receiver
) -> None:
    made = create_webhook(client, key, receiver.url)
    sign_and_confirm(lobby, ANNA, replace(ANNA, email="bertha@example.org"))
    assert "2 deliveries of webhooks are queued." in check_messages(lobby)
    metrics = client.get("/metrics", headers=METRICS).text
    assert 'lobby_webhook_deliveries{state="queued"} 2.0' in metrics
    receiver.answers.append(Answer(410))
    deliver(lobby)
    messages = check_messages(lobby)
    assert "1 deliveries of webhooks are held." in messages
    day = f"{lobby.clock():%Y-%m-%d}"
    assert f"Webhook {made['id']} to 127.0.0.1 is disabled since {day}: gone." in messages
    assert not any(str(receiver.server_port) in text for text in messages)


def check_messages(lobby: Lobby) -> list[str]:
    return [finding.text for finding in checks.run(lobby)]


def test_the_worker_delivers_by_itself_and_mails_do_not_wait_for_it(
    lobby: Lobby, client: TestClient, key: Headers, receiver: Receiver
) -> None:
    """The receiver answers after the worker has sent an email."""
    create_webhook(client, key, receiver.url)
    sign_and_confirm(lobby)
    receiver.answers.append(Answer(drips=True))
    with lobby.database.write() as session:
        lookup, keyring = lobby.postcodes.lookup, lobby.keyring
        bertha = [replace(ANNA, email="bertha@example.org")]
        recording.record(session, bertha, postcodes=lookup, keyring=keyring, now=lobby.clock())
    stop, folder = threading.Event(), lobby.mail_folder
    assert folder is not None
    before = len(list(folder.folder.glob("*.eml")))
    thread = threading.Thread(target=worker.run, args=(lobby, stop))
    thread.start()
    try:
        wait_until(lambda: bool(receiver.taken))
        wait_until(lambda: len(list(folder.folder.glob("*.eml"))) > before)
        assert deliveries_held(lobby)[0].state is DeliveryState.CLAIMED
    finally:
        receiver.closing.set()
        stop.set()
        thread.join()
    wait_until(lambda: deliveries_held(lobby)[0].state is not DeliveryState.CLAIMED)


def wait_until(is_so: Callable[[], bool]) -> None:
    for _ in range(1000):
        if is_so():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come to pass")
