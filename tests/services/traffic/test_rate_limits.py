"""Tests rate limits that several processes share in a real Redis."""

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis
from fastapi.testclient import TestClient
from pydantic import ValidationError
from structlog.testing import capture_logs

from core import logs
from core.settings import Settings
from main import create_app
from models import Scope
from services.assembly import Lobby, utc_now
from services.traffic import rate_limits
from services.traffic.rate_limits import RateLimit, RateLimitResult
from tests.support.common import CAN_SIGN, PETITION
from tests.support.keys import key_for
from tests.support.rate_limits import MovingClock

SERVER = shutil.which("redis-server") or shutil.which("valkey-server")
SIGN = f"/v1/petitions/{PETITION}/signatures"
needs_redis = pytest.mark.skipif(SERVER is None, reason="no Redis server is installed")


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Starts a Redis on loopback that saves nothing to disk."""
    assert SERVER is not None
    port, folder = free_port(), tmp_path_factory.mktemp("redis")
    command = [
        SERVER,
        "--bind",
        "127.0.0.1",
        "--port",
        str(port),
        "--save",
        "",
        "--dir",
        str(folder),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        with closing(redis.Redis(port=port)) as client:
            for _ in range(100):
                try:
                    client.ping()
                    break
                except redis.ConnectionError:
                    time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}/0"
        server.terminate()


@pytest.fixture
def empty_redis_url(redis_url: str) -> str:
    with closing(redis.Redis.from_url(redis_url)) as client:
        client.flushall()
    return redis_url


def client_of(lobby: Lobby, url: str, *, address: int = 0, key: int = 0) -> TestClient:
    limits = {"posts_per_address": address, "posts_per_key": key, "rate_limit_url": url}
    app = create_app(lobby.settings.model_copy(update=limits), lobby=lobby)
    return TestClient(app, client=("192.0.2.1", 50000))


def anna(number: int) -> dict[str, str]:
    return {"name": "Anna", "email": f"anna{number}@example.org", "postcode": CAN_SIGN}


@needs_redis
def test_a_redis_that_answers_is_not_away(redis_url: str) -> None:
    assert rate_limits.reason_away(redis_url) is None


@needs_redis
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_two_processes_have_one_share(lobby: Lobby, empty_redis_url: str) -> None:
    with client_of(lobby, empty_redis_url, address=2) as first_client:
        first = first_client.post(SIGN, json=anna(1))
    with client_of(lobby, empty_redis_url, address=2) as other:
        answers = [other.post(SIGN, json=anna(number)) for number in (2, 3)]
    assert [first.status_code, *(answer.status_code for answer in answers)] == [201, 201, 429]
    assert answers[0].headers["ratelimit"].startswith('"address";r=0')
    assert 1 <= int(answers[1].headers["retry-after"]) <= 60


@needs_redis
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_redis_is_told_neither_an_address_nor_a_key(lobby: Lobby, empty_redis_url: str) -> None:
    key = key_for(lobby, Scope.SIGNATURES_WRITE)
    with client_of(lobby, empty_redis_url, address=9, key=9) as client:
        client.post(SIGN, json=anna(1))
        client.post(f"{SIGN}/bulk", json=[], headers=key)
    with closing(redis.Redis.from_url(empty_redis_url)) as connection:
        entries = {
            name: (connection.get(name), connection.ttl(name)) for name in connection.scan_iter()
        }
    entries_text = repr(entries)
    assert len(entries) == 3, "an address, a key, and a petition"
    assert "192.0.2.1" not in entries_text
    prefix_and_secret = key["Authorization"].split("_", 2)[1:]
    assert all(part not in entries_text for part in prefix_and_secret)
    assert all(0 < seconds <= 60 for _, seconds in entries.values())


def test_where_redis_does_not_answer_each_process_counts_by_itself() -> None:
    limit = RateLimit("address", 2, utc_now, url=f"redis://127.0.0.1:{free_port()}/0")

    async def three() -> list[RateLimitResult]:
        results = [await limit.hit("somebody") for _ in range(3)]
        await limit.close()
        return results

    logs.configure(level="WARNING")
    try:
        with capture_logs() as logged:
            verdicts = asyncio.run(three())
    finally:
        logs.configure(level="ERROR")
    assert [verdict.is_allowed for verdict in verdicts] == [True, True, False]
    assert [entry["event"] for entry in logged] == ["rate_limits_alone"], "once, not each time"


@needs_redis
def test_a_redis_that_is_back_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(rate_limits, "FALLBACK_SECONDS", 0.0)
    port = free_port()
    limit = RateLimit("address", 2, utc_now, url=f"redis://127.0.0.1:{port}/0")

    async def around_an_outage(folder: Path) -> list[bool]:
        verdicts = [(await limit.hit("somebody")).is_allowed for _ in range(3)]
        command = [str(SERVER), "--bind", "127.0.0.1", "--port", str(port), "--save", ""]
        with subprocess.Popen(
            [*command, "--dir", str(folder)], stdout=subprocess.DEVNULL
        ) as server:
            for _ in range(100):
                if (await limit.hit("somebody")).is_allowed:
                    break
                await asyncio.sleep(0.05)
            verdicts += [(await limit.hit("somebody")).is_allowed for _ in range(2)]
            await limit.close()
            server.terminate()
        return verdicts

    assert asyncio.run(around_an_outage(tmp_path)) == [True, True, False, True, False]


@pytest.mark.parametrize("url", ["redis", "http://127.0.0.1", "memcached://127.0.0.1", "127.0.0.1"])
def test_another_kind_of_counter_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ValidationError, match="must be memory, or an address such as redis://"):
        Settings(rate_limit_url=url)


def test_a_process_counts_each_client_by_itself_and_forgets_whose_window_is_over() -> None:
    clock = MovingClock()
    limit = RateLimit("reads", 2, clock)

    async def hits(*clients: str) -> list[tuple[bool, int]]:
        results = [await limit.hit(client) for client in clients]
        return [(result.is_allowed, result.remaining) for result in results]

    first = asyncio.run(hits("anna", "anna", "anna", "bob"))
    assert first == [(True, 1), (True, 0), (False, 0), (True, 1)]
    clock.move(61)
    assert asyncio.run(hits("anna")) == [(True, 1)]
    assert list(limit._local._windows) == ["anna"], "bob's counter takes no memory any more"
