"""Runs the service of a recount as an operator does: by its commands, over HTTP, in processes.

It uses the standard library alone and no code of the service.
"""

import csv
import io
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
COMMAND = (sys.executable, "-c", "import cli; cli.main()")
PATIENCE = 60.0  # seconds until the server answers


class Refused(Exception):
    """A command ended with another status than it should, or a call was not answered well."""


class Installation:
    """An installation in a folder of its own."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self._port = _free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        plain = {name: value for name, value in os.environ.items() if not name.startswith("LOBBY_")}
        self._environment = plain | {
            "LOBBY_DATA_DIR": str(folder / "data"),
            "LOBBY_DATABASE_URL": database_url,
            "LOBBY_BASE_URL": self.url,
            "LOBBY_WORKER": "off",
            "LOBBY_GETS_PER_ADDRESS": "0",
        }
        self.key = ""

    def run(self, *words: object, expected: int = 0) -> str:
        """Runs a command, and returns what it printed. Raises Refused for another status."""
        done = subprocess.run(
            [*COMMAND, *map(str, words)],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != expected:
            raise Refused(f"lobby {words[0]} {words[1]}: {done.returncode}\n{done.stderr[-2000:]}")
        return done.stdout

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Serves until the end of the block."""
        server = subprocess.Popen(
            [*COMMAND, "serve", "--port", str(self._port)],
            cwd=ROOT,
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self._wait(server)
            yield
        finally:
            server.terminate()
            server.wait(PATIENCE)

    def _wait(self, server: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and server.poll() is None:
            try:
                urllib.request.urlopen(f"{self.url}/readyz").close()
            except urllib.error.URLError:
                time.sleep(0.1)
            else:
                return
        raise Refused("The server does not answer.")

    def json(self, path: str, body: Mapping[str, object] | None = None) -> Any:
        """Returns the answer to a GET, or with a body to a POST."""
        return json.loads(self._text(path, None if body is None else json.dumps(body).encode()))

    def csv(self, path: str) -> list[dict[str, str]]:
        """Returns the rows of a CSV file."""
        return list(csv.DictReader(io.StringIO(self._text(path, None))))

    def _text(self, path: str, body: bytes | None) -> str:
        headers = {"Content-Type": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        request = urllib.request.Request(self.url + path, body, headers)
        try:
            with urllib.request.urlopen(request) as answer:
                content: bytes = answer.read()
        except urllib.error.HTTPError as error:
            raise Refused(f"{path}: {error.code} {error.read()[:500]!r}") from error
        return content.decode()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
