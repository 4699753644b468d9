"""A receiver of webhooks on loopback, and deliveries to it."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

from sqlmodel import col, select

import worker
from models import WebhookDelivery, WebhookEndpoint
from services.assembly import Lobby
from services.webhooks.sender import WebhookSender

GO_ON = threading.Event()  # never set: the worker is not told to stop


@dataclass
class Answer:
    """How the receiver answers. `drips`: it sends the head byte by byte until the test ends."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    drips: bool = False


@dataclass(frozen=True)
class Taken:
    """A request that came. `headers` are in lower case, as `standardwebhooks` wants them."""

    path: str
    headers: dict[str, str]
    content: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def told(self) -> Any:
        return json.loads(self.content)


class Receiver(ThreadingHTTPServer):
    """Gives its `answers` in turn, then 204, and keeps the requests in `taken`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", _free_port()), _Handler)
        self.answers: list[Answer] = []
        self.taken: list[Taken] = []
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gave up is part of some tests."""


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.taken.append(Taken(self.path, headers, content))
        answer = self.server.answers.pop(0) if self.server.answers else Answer()
        if answer.drips:
            self._drip()
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def _drip(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        while not self.server.closing.wait(0.02):
            self.wfile.write(b"x")
            self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that is passed
        """Prints nothing."""


def _free_port() -> int:
    """Returns a free port that webhooks may use on loopback."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port >= 8000:
            return port


@contextmanager
def receiving() -> Iterator[Receiver]:
    with Receiver() as receiver:
        thread = threading.Thread(target=receiver.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield receiver
        finally:
            receiver.closing.set()
            receiver.shutdown()
            thread.join()


def to_loopback(lobby: Lobby, **parts: Any) -> Lobby:
    return replace(lobby, webhooks=WebhookSender(to_loopback=True, **parts))


def deliver(lobby: Lobby) -> int:
    """Delivers everything that is due; returns how many deliveries were attempted."""
    attempted = 0
    while count := worker.deliver_webhooks(lobby, GO_ON):
        attempted += count
    return attempted


def deliveries_held(lobby: Lobby) -> list[WebhookDelivery]:
    with lobby.database.read() as session:
        return list(session.exec(select(WebhookDelivery).order_by(col(WebhookDelivery.id))))


def endpoint_of(lobby: Lobby, endpoint_id: str) -> WebhookEndpoint:
    with lobby.database.read() as session:
        return session.get_one(WebhookEndpoint, UUID(endpoint_id))
