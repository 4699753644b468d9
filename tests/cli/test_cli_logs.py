"""Tests that `lobby serve` logs every request, whatever becomes of the log's reader."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import httpx2
import pytest
import uvicorn

from cli.serving import SERVER
from core import logs
from core.settings import ROOT
from tests.support.cli import Cli, Running, free_port, status_of, until
from tests.support.wire import wait_until_it_serves
from tools.forked_commands import Fork

pytestmark = pytest.mark.slow
MANY = 800  # more than a pipe holds


@contextmanager
def serving(demo: Cli) -> Iterator[tuple[Running, httpx2.Client]]:
    """Runs a server that answers, with a client."""
    port = free_port()
    with (
        demo.running("serve", "--port", str(port)) as server,
        httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        until(lambda: status_of(port) == 200, server)
        yield server, client


def ask(client: httpx2.Client, count: int) -> list[str]:
    """Sends requests, and returns their ids."""
    ids = [f"request-{n}" for n in range(count)]
    for request_id in ids:
        assert client.get("/livez", headers={"X-Request-Id": request_id}).status_code == 200
    return ids


def ids_in(lines: Iterable[str]) -> Iterator[str]:
    entries = (json.loads(line) for line in lines if line.startswith("{"))
    ids = (entry["request_id"] for entry in entries if entry["event"] == "request")
    return (request_id for request_id in ids if request_id.startswith("request-"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=str)
def test_a_server_that_stops_has_logged_its_last_request(demo: Cli, number: int) -> None:
    with serving(demo) as (server, client):
        ids = ask(client, 20)
        server.send_signal(number)
        server.wait(timeout=60)
        *lines, last = server.stderr
    assert list(ids_in(lines)) == ids
    assert "has stopped listening" in last


def serve_by_uvicorn() -> None:
    """Serves at the port of the first argument. uvicorn ends the process by the signal it got."""
    logs.configure(is_final=True)
    uvicorn.run("main:app", port=int(sys.argv[1]), **SERVER)


def test_a_server_that_is_stopped_by_the_signal_itself_has_logged_its_last_request(
    demo: Cli,
) -> None:
    port, errors = free_port(), demo.folder / "errors"
    env = demo.environment | {"LOBBY_WORKER": "off"}
    server = Fork(["log", str(port)], cwd=demo.folder, env=env, err=errors, main=serve_by_uvicorn)
    try:
        wait_until_it_serves(port, server)
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            ids = ask(client, 20)
        server.terminate()
        assert server.wait(timeout=60) == -signal.SIGTERM
        assert list(ids_in(errors.read_text().splitlines())) == ids
    finally:
        server.kill()
        server.wait()


def test_a_server_answers_while_nobody_reads_its_log_and_forgets_no_request(demo: Cli) -> None:
    with serving(demo) as (server, client):
        ids = ask(client, MANY)
        logged = ids_in(server.stderr)
        assert [next(logged) for _ in ids] == ids


def test_uvicorn_alone_logs_as_lobby_serve_does_and_writes_no_path_with_a_token(demo: Cli) -> None:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "main:app", "--port", str(port)]
    env = demo.environment | {"LOBBY_WORKER": "off"}
    log = demo.folder / "log"
    with log.open("w") as file:
        server = subprocess.Popen(command, env=env, cwd=ROOT, stdout=file, stderr=file, text=True)
    try:
        until(lambda: status_of(port) == 200, server)
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            ids = ask(client, 2)
            client.get("/confirm/a-token-of-somebody")
        server.terminate()
        server.wait(timeout=60)
        assert list(ids_in(log.read_text().splitlines())) == ids
        assert "a-token-of-somebody" not in log.read_text()
    finally:
        server.kill()
        server.wait()
