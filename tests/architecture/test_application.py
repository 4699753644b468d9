"""Tests `main:app`, the application for uvicorn. It opens nothing before the server starts."""

import asyncio
from typing import Any

import pytest
from fastapi.testclient import TestClient

import main
from main import create_app
from services.assembly import Lobby


@pytest.fixture
def not_yet_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resets `main:app` to its state before the first request."""
    monkeypatch.setattr(main, "_service", main._service.__wrapped__)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_application_for_uvicorn_is_the_service(
    monkeypatch: pytest.MonkeyPatch, lobby: Lobby
) -> None:
    service = create_app(lobby.settings, lobby=lobby)
    monkeypatch.setattr(main, "_service", lambda: service)
    with TestClient(main.app) as client:
        assert client.get("/livez").json() == {"status": "ok"}


@pytest.mark.usefixtures("not_yet_made")
def test_a_service_that_cannot_be_made_ends_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOBBY_POSTS_PER_ADDRESS", "-1")
    assert start_failure().startswith("LOBBY_POSTS_PER_ADDRESS: Input should be greater")


def start_failure() -> str:
    """Starts `main:app` as uvicorn does, and returns why it did not start."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(main.app({"type": "lifespan"}, receive, send))
    (message,) = sent
    assert message["type"] == "lifespan.startup.failed"
    return str(message["message"])


@pytest.mark.usefixtures("not_yet_made")
def test_a_server_that_cannot_start_prints_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {"LOBBY_METRICS_TOKEN": "short-token", "LOBBY_SECRET_KEY": "short-secret"}
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    message = start_failure()
    assert message.splitlines() == [
        "LOBBY_SECRET_KEY: each secret needs at least 32 characters",
        "LOBBY_METRICS_TOKEN: needs at least 16 characters: letters, digits and ASCII "
        "punctuation, no spaces",
    ]
    assert not any(value in message for value in secrets.values())
    monkeypatch.setenv("LOBBY_METRICS_TOKEN", "long-enough-to-be-a-token")
    monkeypatch.setenv("LOBBY_SECRET_KEY", "long enough to be the secret of a service")
    monkeypatch.setenv("LOBBY_BOUNCE_FOLDER", "/srv/returned")
    message = start_failure()
    assert "LOBBY_BOUNCE_FOLDER needs LOBBY_BOUNCE_ADDRESS" in message
    assert "long" not in message


@pytest.mark.usefixtures("not_yet_made")
def test_a_setting_that_does_not_exist_ends_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOBBY_SMTP_UR", "smtp://relay.example.org")
    assert start_failure() == "LOBBY_SMTP_UR is not a setting: did you mean LOBBY_SMTP_URL?"
