"""Serves `/metrics`, and nothing else, on a port of its own.

The service's own port is often open to the world. This one is for Prometheus alone.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from socket import AF_INET6, socket
from typing import Any
from urllib.parse import urlsplit

import structlog

from services.assembly import Lobby
from services.errors import Unavailable
from services.operations import figures
from services.operations.figures import Figures

PATH = "/metrics"
MOST_REQUESTS = 8  # at once; a further connection is closed
PLAIN = "text/plain; charset=utf-8"
log = structlog.get_logger()


@contextmanager
def serving(lobby: Lobby) -> Iterator[None]:
    """Serves the metrics while the context lasts, if a port is set.

    :raises Unavailable: the port cannot be opened
    """
    if lobby.settings.metrics_port is None:
        yield
        return
    server = _opened(lobby)
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def check(lobby: Lobby) -> None:
    """Raises Unavailable if the port cannot be opened, before anything else is started."""
    if lobby.settings.metrics_port is not None:
        _opened(lobby).server_close()


def _opened(lobby: Lobby) -> "_Server":
    settings = lobby.settings
    try:
        return _Server(lobby)
    except OSError as error:
        place = f"{settings.metrics_host}:{settings.metrics_port}"
        raise Unavailable(
            "metrics_port_taken",
            f"The metrics cannot be served on {place} ({error.strerror or error}): set "
            "LOBBY_METRICS_PORT to another port, in each process to one of its own.",
        ) from error


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, lobby: Lobby) -> None:
        self.settings, self.figures = lobby.settings, Figures(lobby)
        self._slots = threading.BoundedSemaphore(MOST_REQUESTS)
        if ":" in self.settings.metrics_host:
            self.address_family = AF_INET6
        super().__init__((self.settings.metrics_host, self.settings.metrics_port or 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Closes the connection if too many are open."""
        if self._slots.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Handles one connection in its own thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:  # noqa: ARG002 - the names of the library
        """Logs what went wrong. The library would print a traceback with the client's address."""
        log.exception("metrics_failed")


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 5  # seconds without a byte
    server_version, sys_version = "lobby", ""

    def do_GET(self) -> None:
        """Answers with the figures, or says why not."""
        if urlsplit(self.path).path != PATH:
            self._answer(404, b"Only /metrics is here.\n", PLAIN)
        elif not self._is_allowed():
            self._answer(401, b"Send the token of the metrics as 'Authorization: Bearer ...'.\n")
        else:
            self._answer(200, self.server.figures.text(), figures.MEDIA_TYPE)

    def _is_allowed(self) -> bool:
        """Without a token the port is on loopback, and the Host must say so.

        Otherwise a page of another site could read it by a name that points to this machine.
        """
        settings = self.server.settings
        if settings.metrics_token is None:
            return _names_loopback(self.headers.get("Host", "localhost"))
        given = self.headers.get("Authorization", "")
        return figures.is_allowed(settings, given.encode("latin-1"))

    def _answer(self, status: int, content: bytes, media_type: str = PLAIN) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        if status == 401:
            self.send_header("WWW-Authenticate", "Bearer")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Logs nothing: the library would print each request with the client's address."""


def _names_loopback(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False
