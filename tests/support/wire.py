"""A server of its own with short bounds in time, and clients that write bytes to it."""

import json
import re
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import uvicorn

from api.front.bounded_protocol import BoundedProtocol
from api.front.wire_bounds import Bounds
from cli.serving import SERVER
from core.settings import ROOT, Settings
from tests.support.cli import free_port
from tools.forked_commands import Fork
from tools.settings import environment

QUICK = {"head_seconds": 1, "body_seconds": 2, "linger_seconds": 2, "drain_seconds": 1}
LONGEST = 30  # seconds for any answer
_HEAD = re.compile(rb"HTTP/1\.1 (\d+) [^\r]*\r\n(.*?)\r\n\r\n", re.DOTALL)


@dataclass(frozen=True, slots=True)
class WireServer:
    """A running server."""

    port: int
    pid: int
    log: Path

    def connect(self, data: bytes = b"") -> "WireClient":
        """Connects, and sends something."""
        client = WireClient(self.port)
        client.send(data)
        return client

    def ask(self, data: bytes) -> "WireAnswer":
        """Sends something, and returns the first answer of the connection."""
        with closing(self.connect(data)) as client:
            return client.answer()

    @property
    def most_memory(self) -> float:
        """The most resident memory so far, in MB."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


@dataclass(frozen=True, slots=True)
class WireAnswer:
    """An answer as it came."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def code(self) -> str:
        """The code of a problem, whose form this checks."""
        assert self.headers["content-type"] == "application/problem+json"
        assert self.headers["connection"] == "close"
        problem = json.loads(self.content)
        assert problem.keys() == {"type", "title", "status", "detail", "code"}
        assert problem["status"] == self.status
        return str(problem["code"])


class WireClient:
    """One connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=LONGEST)
        self._received = b""

    def close(self) -> None:
        """Closes the connection."""
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Sends something. The server may have closed its end."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return

    def answer(self, *, has_body: bool = True) -> WireAnswer:
        """Returns the next answer. Raises EOFError if the connection ends before."""
        while not (match := _HEAD.match(self._received)):
            self._receive()
        lines = (line.partition(b": ") for line in match[2].split(b"\r\n"))
        headers = {name.decode(): value.decode() for name, _, value in lines}
        size = int(headers.get("content-length", "0")) if has_body else 0
        while len(self._received) < match.end() + size:
            self._receive()
        content = self._received[match.end() : match.end() + size]
        self._received = self._received[match.end() + size :]
        return WireAnswer(int(match[1]), headers, content)

    def ends(self) -> bytes:
        """Returns what comes until the server ends the connection."""
        try:
            while True:
                self._receive()
        except (EOFError, ConnectionResetError):
            return self._received

    def _receive(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise EOFError
        self._received += data


@contextmanager
def wire_server(settings: Settings, **bounds: int) -> Iterator[WireServer]:
    """Starts a server, and kills it at the end of the block."""
    port, log = free_port(), settings.data_dir / "server.log"
    command = ["wire", str(port), json.dumps(QUICK | bounds)]
    process = Fork(command, cwd=ROOT, env=environment(settings), out=log, err=log, main=serve)
    try:
        wait_until_it_serves(port, process)
        yield WireServer(port, process.pid, log)
    finally:
        process.kill()
        process.wait()


def wait_until_it_serves(port: int, process: Fork) -> None:
    """Waits until somebody listens at the port."""
    ends = time.monotonic() + 60
    while True:
        assert process.poll() is None, "the server ended"
        assert time.monotonic() < ends, "the server does not listen"
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)


def serve() -> None:
    """Serves the application at the port of the first argument; the second one is JSON: bounds."""

    class Protocol(BoundedProtocol):
        bounds: ClassVar[Bounds] = Bounds(**json.loads(sys.argv[2]))

    uvicorn.run("main:app", port=int(sys.argv[1]), **(SERVER | {"http": Protocol}))
