"""Tests the figures for Prometheus: who may read them, and that their number is bounded."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr, ValidationError

import worker
from core.settings import Settings
from main import create_app
from models import MessageState, Scope
from services.assembly import Lobby
from tests.support.common import METRICS, METRICS_TOKEN, PETITION
from tests.support.keys import key_for, logged
from tests.support.mail import deliver_due, sign
from tests.support.problems import assert_problem

only_once = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
WRONG = [
    None,
    "",
    "Bearer",
    "Bearer ",
    METRICS_TOKEN,
    f"Basic {METRICS_TOKEN}",
    f"Bearer {METRICS_TOKEN}x",
    f"Bearer {METRICS_TOKEN[:-1]}",
    f"Bearer {METRICS_TOKEN.upper()}",
    f"Bearer Bearer {METRICS_TOKEN}",
    "Bearer naïve",
    "Bearer \xff\xfe",
]


@contextmanager
def client_with(lobby: Lobby, **changes: object) -> Iterator[TestClient]:
    """The application over `lobby` with some settings changed."""
    lobby.__dict__["settings"] = lobby.settings.model_copy(update=changes)
    with TestClient(create_app(lobby.settings, lobby=lobby)) as client:
        yield client


def headers_of(value: str | None) -> dict[bytes, bytes]:
    return {} if value is None else {b"Authorization": value.encode("latin-1")}


# ---- the token


@only_once
def test_without_the_setting_there_are_no_metrics_and_the_answer_names_the_setting(
    lobby: Lobby,
) -> None:
    with client_with(lobby, metrics_token=None) as client:
        for headers in ({}, METRICS):
            answer = client.get("/metrics", headers=headers)
            assert_problem(answer, 404, "metrics_off")
            assert "LOBBY_METRICS_TOKEN" in answer.json()["detail"]
            assert "lobby_" not in answer.text


@pytest.mark.parametrize("value", WRONG)
@only_once
def test_metrics_are_refused_without_their_token(client: TestClient, value: str | None) -> None:
    answer = client.get("/metrics", headers=headers_of(value))
    assert_problem(answer, 401, "metrics_token_needed")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert METRICS_TOKEN not in answer.text


def test_metrics_are_read_with_their_token(client: TestClient) -> None:
    for scheme in ("Bearer", "bearer"):
        answer = client.get("/metrics", headers={"Authorization": f"{scheme} {METRICS_TOKEN}"})
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain")
        assert "lobby_outbox_oldest_due_seconds" in answer.text


def test_no_api_key_opens_the_metrics(lobby: Lobby, client: TestClient) -> None:
    key = key_for(lobby, *Scope)
    assert_problem(client.get("/metrics", headers=key), 401, "metrics_token_needed")


@only_once
def test_the_token_is_in_no_log(client: TestClient) -> None:
    wrong = "Bearer another-token-of-somebody"
    with logged() as entries:
        assert client.get("/metrics", headers=METRICS).status_code == 200
        assert client.get("/metrics", headers={"Authorization": wrong}).status_code == 401
    assert [entry["status"] for entry in entries if entry["event"] == "request"] == [200, 401]
    assert METRICS_TOKEN not in str(entries)
    assert "another-token" not in str(entries)


@pytest.mark.parametrize(
    "token", ["fifteen-letters", "  fifteen-letters\n", "s" * 40 + " e", "é" * 20]
)
def test_a_token_that_is_short_or_fits_into_no_header_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(metrics_token=SecretStr(token))
    assert "needs at least 16 characters: letters, digits and ASCII" in str(refused.value)
    assert token.strip() not in str(refused.value)


def test_a_token_from_a_file_loses_its_line_end_and_shows_in_no_repr() -> None:
    settings = Settings(metrics_token=SecretStr(f"{METRICS_TOKEN}\n"))
    assert settings.metrics_token is not None
    assert settings.metrics_token.get_secret_value() == METRICS_TOKEN
    for text in (repr(settings), str(settings), settings.model_dump_json()):
        assert METRICS_TOKEN not in text


# ---- the labels


def series(client: TestClient) -> set[str]:
    """Returns the names and labels of all series, without their values."""
    text = client.get("/metrics", headers=METRICS).text
    return {line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")}


def ask_strangely(client: TestClient, numbers: range) -> None:
    """Sends each request with a method, a path and a host that nobody has used before."""
    for n in numbers:
        paths = (f"/no-{n}", f"/v1/petitions/no-{n}", f"/static/no-{n}", f"/petitions/no-{n}?n={n}")
        method = (f"FOO{n}", f"get{n}", "GET", "POST", "PROPFIND")[n % 5]
        # Other hosts are refused, so most requests name none, and reach the routes.
        headers = {"User-Agent": f"agent {n}", "X-Request-Id": f"request-{n}"}
        headers |= {"Host": f"host-{n}.example.org"} if n % 3 == 0 else {}
        client.request(method, paths[n % 4], headers=headers)


@pytest.mark.slow
@only_once
def test_strange_methods_paths_and_hosts_make_no_series_of_their_own(lobby: Lobby) -> None:
    with client_with(lobby, posts_per_address=0) as client:
        ask_strangely(client, range(60))
        after_each_kind = series(client)
        ask_strangely(client, range(60, 1060))
        assert series(client) == after_each_kind
    requests = [line for line in after_each_kind if line.startswith("lobby_request_seconds_count")]
    methods = {re.findall('method="([^"]*)"', line)[0] for line in requests}
    assert "(other)" in methods
    assert methods <= {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "(other)"}
    assert not any("no-1" in line or "FOO" in line for line in after_each_kind)


@only_once
def test_a_strange_method_is_not_logged_either(client: TestClient) -> None:
    with logged() as entries:
        client.request("ANNA-EXAMPLE", f"/petitions/{PETITION}")
    (entry,) = (entry for entry in entries if entry["event"] == "request")
    assert (entry["method"], entry["status"]) == ("(other)", 405)


@pytest.mark.slow
def test_a_state_that_no_message_has_any_more_counts_zero(lobby: Lobby, client: TestClient) -> None:
    def queued() -> str:
        text = client.get("/metrics", headers=METRICS).text
        counts = dict(re.findall(r'lobby_outbox_messages\{state="(\w+)"\} (\S+)', text))
        assert counts.keys() == set(MessageState)
        return str(counts["queued"])

    sign(lobby)
    worker.sort_submissions(lobby)
    assert queued() == "1.0"
    deliver_due(lobby)
    assert queued() == "0.0"
