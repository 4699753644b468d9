"""Tests the metrics on a port of their own, and the figures that they have."""

import http.client
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.message import EmailMessage
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr, ValidationError

from core.settings import Settings
from main import create_app
from models import LetterState, OfficialApi, Scope, WebhookDelivery, WebhookEvent
from services.assembly import Lobby
from services.errors import Unavailable
from tests.support.common import METRICS, METRICS_TOKEN, PETITION, Clock, token_in
from tests.support.keys import key_for
from tests.support.problems import assert_problem
from worker import metrics_port

only_once = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
SIGN = f"/v1/petitions/{PETITION}/signatures"
ANNA = {"name": "Anna Example", "email": "anna@example.org", "postcode": "EH1 1YZ"}


def with_settings(lobby: Lobby, **changes: object) -> Lobby:
    lobby.__dict__["settings"] = lobby.settings.model_copy(update=changes)
    return lobby


def ask(
    port: int, path: str = "/metrics", headers: dict[str, str] = METRICS, method: str = "GET"
) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, dict(answer.getheaders()), text


@contextmanager
def served(lobby: Lobby, port: int, **changes: object) -> Iterator[TestClient]:
    """The application with the metrics on `port`."""
    with_settings(lobby, metrics_port=port, **changes)
    with TestClient(create_app(lobby.settings, lobby=lobby)) as client:
        yield client


# ---- the port


@pytest.mark.slow
def test_the_port_has_the_metrics_and_the_main_port_has_none(
    lobby: Lobby, unused_port: int
) -> None:
    with served(lobby, unused_port) as client:
        status, headers, text = ask(unused_port)
        assert status == 200
        assert headers["Content-Type"].startswith("text/plain; version=")
        assert headers["Cache-Control"] == "no-store"
        assert "lobby_outbox_oldest_due_seconds" in text
        client.get("/livez")
        assert 'route="/livez"' in ask(unused_port)[2]
        assert_problem(client.get("/metrics", headers=METRICS), 404, "metrics_off")
    with pytest.raises(ConnectionRefusedError):
        ask(unused_port)


@pytest.mark.slow
@pytest.mark.parametrize(
    "value", [None, "", "Bearer", f"Basic {METRICS_TOKEN}", f"Bearer {METRICS_TOKEN}x", "Bearer é"]
)
@only_once
def test_the_port_asks_for_the_token_if_one_is_set(
    lobby: Lobby, unused_port: int, value: str | None
) -> None:
    with served(lobby, unused_port):
        status, headers, text = ask(unused_port, headers={"Authorization": value} if value else {})
    assert (status, headers["WWW-Authenticate"]) == (401, "Bearer")
    assert "lobby_" not in text


@pytest.mark.slow
@only_once
def test_without_a_token_the_port_answers_this_machine_by_its_own_name_alone(
    lobby: Lobby, unused_port: int
) -> None:
    with served(lobby, unused_port, metrics_token=None):
        for host in ("127.0.0.1", f"localhost:{unused_port}", "[::1]:9"):
            assert ask(unused_port, headers={"Host": host})[0] == 200
        for host in ("evil.example.org", "127.0.0.1.evil.example.org", "192.0.2.7", "[", ""):
            status, _, text = ask(unused_port, headers={"Host": host})
            assert status == 401, host
            assert "lobby_" not in text


@pytest.mark.slow
@only_once
def test_the_port_has_nothing_else(lobby: Lobby, unused_port: int) -> None:
    with served(lobby, unused_port):
        for path in ("/", "/livez", "/metrics/", "/metricsx", f"/petitions/{PETITION}"):
            assert ask(unused_port, path)[0] == 404, path
        assert ask(unused_port, "/metrics?name[]=up")[0] == 200
        for method in ("POST", "PUT", "DELETE", "FOO"):
            assert ask(unused_port, method=method)[0] == 501


@pytest.mark.slow
@only_once
def test_the_port_holds_a_few_connections_and_closes_more(lobby: Lobby, unused_port: int) -> None:
    with served(lobby, unused_port):
        held = [
            socket.create_connection(("127.0.0.1", unused_port))
            for _ in range(metrics_port.MOST_REQUESTS)
        ]
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            ask(unused_port)
        for connection in held:
            connection.close()


@pytest.mark.slow
def test_a_worker_of_its_own_serves_them_too(lobby: Lobby, unused_port: int) -> None:
    with metrics_port.serving(with_settings(lobby, metrics_port=unused_port)):
        assert "lobby_bounces" in ask(unused_port)[2]


@only_once
def test_without_the_setting_no_port_is_opened(lobby: Lobby) -> None:
    with metrics_port.serving(lobby):
        pass
    metrics_port.check(lobby)


@only_once
def test_a_port_that_is_taken_is_refused_with_a_sentence(lobby: Lobby, unused_port: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", unused_port))
        other.listen()
        with_settings(lobby, metrics_port=unused_port)
        for attempt in (metrics_port.check, lambda lobby: metrics_port.serving(lobby).__enter__()):
            with pytest.raises(Unavailable) as refused:
                attempt(lobby)
            assert refused.value.code == "metrics_port_taken"
            assert f"127.0.0.1:{unused_port}" in refused.value.message
            assert "LOBBY_METRICS_PORT" in refused.value.message


def test_a_port_that_the_world_can_reach_needs_a_token() -> None:
    for host in ("0.0.0.0", "::", "192.0.2.7", "metrics.example.org"):
        with pytest.raises(ValidationError, match="LOBBY_METRICS_HOST off loopback needs LOBBY_M"):
            Settings(metrics_port=9100, metrics_host=host)
        Settings(metrics_port=9100, metrics_host=host, metrics_token=SecretStr(METRICS_TOKEN))
    for host in ("127.0.0.1", "localhost", "::1"):
        Settings(metrics_port=9100, metrics_host=host)
    for port in (0, 65536, -1):
        with pytest.raises(ValidationError, match="metrics_port"):
            Settings(metrics_port=port)


# ---- the figures


def figures(client: TestClient) -> dict[str, float]:
    text = client.get("/metrics", headers=METRICS).text
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


@pytest.mark.slow
def test_signatures_and_confirmations_are_counted_once_they_are_committed(
    client: TestClient, lobby: Lobby, deliver: Callable[[], list[EmailMessage]]
) -> None:
    deliver()
    before = figures(client)
    headers = {"Idempotency-Key": "one"}
    for _ in range(2):
        assert client.post(SIGN, json=ANNA, headers=headers).status_code == 201
    assert client.post(SIGN, json={**ANNA, "email": "anna"}).status_code == 422
    key = key_for(lobby, Scope.SIGNATURES_WRITE)
    rows = [{**ANNA, "email": f"{name}@example.org"} for name in ("berta", "carl")]
    for _ in range(2):
        answer = client.post(f"{SIGN}/bulk", json=rows, headers={**key, "Idempotency-Key": "two"})
        assert answer.status_code == 200
    mails = deliver()
    assert len(mails) == 3
    token = token_in(mails[0], "confirm")
    assert client.post("/v1/signatures/confirm", json={"token": token}).status_code == 200
    assert client.post("/v1/signatures/confirm", json={"token": "no"}).status_code == 422
    after = figures(client)
    assert after["lobby_signatures_total"] - before["lobby_signatures_total"] == 3
    assert after["lobby_confirmations_total"] - before["lobby_confirmations_total"] == 1


@pytest.mark.slow
def test_letters_are_counted_by_state_once_a_minute(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    def letters() -> dict[str, float]:
        names = {f'lobby_letters{{state="{state}"}}': state for state in LetterState}
        found = figures(client)
        return {state: found[name] for name, state in names.items()}

    first = letters()
    assert sum(first.values()) > 0
    with lobby.database.write() as session:
        session.connection().exec_driver_sql("UPDATE letter SET state = 'held'")
    assert letters() == first
    clock.advance(minutes=1)
    assert letters() == {
        state: sum(first.values()) if state == "held" else 0 for state in LetterState
    }


@pytest.mark.slow
def test_the_last_good_sync_of_members_and_of_motions_is_told(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    def synced(name: str) -> float:
        return figures(client)[f'lobby_parliament_last_sync_timestamp_seconds{{api="{name}"}}']

    with lobby.database.write() as session:
        session.connection().exec_driver_sql("DELETE FROM official_api")
    assert (synced("members"), synced("motions")) == (0, 0)
    with lobby.database.write() as session:
        session.add(OfficialApi(name="members", answered_at=clock.now))
    assert (synced("members"), synced("motions")) == (clock.now.timestamp(), 0)


@pytest.mark.slow
def test_the_age_of_the_oldest_webhook_is_told(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    name = "lobby_webhook_oldest_due_seconds"
    assert figures(client)[name] == 0
    key = key_for(lobby, Scope.WEBHOOKS_WRITE)
    made = client.post(
        "/v1/webhooks",
        json={"url": "https://hooks.example.org/", "events": ["signature.confirmed"]},
        headers=key,
    )
    assert made.status_code == 201, made.text
    with lobby.database.write() as session:
        session.add(
            WebhookDelivery(
                endpoint_id=UUID(made.json()["id"]),
                event=WebhookEvent.SIGNATURE_CONFIRMED,
                payload="{}",
                created_at=clock.now,
                due_at=clock.now - timedelta(seconds=90),
            )
        )
    assert figures(client)[name] == 90


@pytest.mark.slow
def test_the_use_of_the_pools_is_told(client: TestClient, lobby: Lobby) -> None:
    used = "lobby_database_connections_in_use"
    before = figures(client)
    with lobby.database.read() as session, lobby.database.write() as other:
        session.connection()
        other.connection()
        during = figures(client)
    pools = {"reader": (1, 8), "writer": (1, 1)} if lobby.database.is_sqlite else {"all": (2, 20)}
    for pool, (more, limit) in pools.items():
        name = f'{used}{{pool="{pool}"}}'
        assert during[name] - before[name] == more
        assert during[f'lobby_database_connections_limit{{pool="{pool}"}}'] == limit
    assert during["lobby_database_writers_waiting"] == 0


@only_once
def test_every_label_has_a_few_fixed_values(client: TestClient) -> None:
    text = client.get("/metrics", headers=METRICS).text
    labels = set(re.findall(r"^(lobby_\w+)\{(\w+)=", text, re.MULTILINE))
    other = {(name, label) for name, label in labels if not name.startswith("lobby_request_")}
    assert other - {("lobby_bounces_total", "handling"), ("lobby_bounces_created", "handling")} == {
        ("lobby_database_connections_in_use", "pool"),
        ("lobby_database_connections_limit", "pool"),
        ("lobby_letters", "state"),
        ("lobby_outbox_messages", "state"),
        ("lobby_parliament_last_sync_timestamp_seconds", "api"),
        ("lobby_webhook_deliveries", "state"),
    }
