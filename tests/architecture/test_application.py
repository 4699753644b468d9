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
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(main.app({"type": "lifespan"}, receive, send))
    (message,) = sent
    assert message["type"] == "lifespan.startup.failed"
    assert "posts_per_address" in message["message"]
