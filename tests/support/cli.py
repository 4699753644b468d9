"""The `lobby` command as an operator runs it: in a process of its own, with a data folder."""

import os
import re
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import httpx2

from core.settings import Settings
from services.assembly import Lobby, open_lobby
from services.demonstration import invented_campaign
from tools import forked_commands

COMMAND = Path(sys.executable).with_name("lobby")
ORGANISATION = invented_campaign.about().organisation
KEY = re.compile(r"lobby_[0-9a-f]{12}_[A-Za-z0-9_-]{43}\n")
Done = subprocess.CompletedProcess[str]
OF_IT = ("--organisation", ORGANISATION)


class Running(forked_commands.Fork):
    """A command that runs, and what it writes to standard error."""

    stderr: TextIO

    def communicate(self, timeout: float | None = None) -> tuple[None, str]:
        """Waits for the end, and returns what the command told."""
        self.wait(timeout)
        return None, self.stderr.read()


Process = Running | subprocess.Popen[str]


@dataclass
class Cli:
    """Runs the command with one data folder, and with no settings but these."""

    data: Path
    settings: dict[str, str] = field(default_factory=dict)
    stdin: int = subprocess.DEVNULL

    @property
    def folder(self) -> Path:
        """The current folder of the command, where `.env` would be."""
        return next(folder for folder in self.data.parents if folder.is_dir())

    @property
    def environment(self) -> dict[str, str]:
        others = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
        return others | {"LOBBY_DATA_DIR": str(self.data)} | self.settings

    def __call__(self, *arguments: str | Path, **settings: str) -> Done:
        """Runs the command to its end, in a fork where it gets no input."""
        command, env = [COMMAND, *arguments], self.environment | settings
        if self.stdin == subprocess.DEVNULL:
            return forked_commands.run(command, cwd=self.folder, env=env, timeout=60)
        return subprocess.run(
            command,
            cwd=self.folder,
            stdin=self.stdin,
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def refused(self, *arguments: str | Path, **settings: str) -> str:
        """Runs a command that must fail, and returns the one line that it prints as the reason."""
        done = self(*arguments, **settings)
        assert done.returncode == 1, done
        assert done.stdout == ""
        lines = done.stderr.strip().splitlines()
        assert len(lines) == 1, done.stderr
        return lines[0]

    @contextmanager
    def running(self, *arguments: str) -> "Iterator[Running]":
        """Starts a command in a fork, and kills it at the end of the block."""
        stderr, end = forked_commands.pipe()
        command: list[str | Path] = [COMMAND, *arguments]
        with stderr, os.fdopen(stderr.fileno(), closefd=False) as told:
            with end:
                process = Running(command, cwd=self.folder, env=self.environment, err=end)
            process.stderr = told
            try:
                yield process
            finally:
                process.kill()
                process.wait()

    @property
    def database(self) -> Path:
        return self.data / "lobby.db"

    def sql(self, statement: str) -> list[Any]:
        with closing(sqlite3.connect(self.database)) as connection, connection:
            return connection.execute(statement).fetchall()

    def counts(self) -> dict[str, int]:
        """Returns the number of rows of every table."""
        names = [name for (name,) in self.sql("SELECT name FROM sqlite_master WHERE type='table'")]
        each = (f"SELECT '{name}', count(*) FROM \"{name}\"" for name in names)
        return dict(self.sql(" UNION ALL ".join(each)))

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Yields a connection that does not wait for locks."""
        with closing(sqlite3.connect(self.database, timeout=0)) as connection:
            connection.isolation_level = None
            yield connection

    @contextmanager
    def lobby(self) -> Iterator[Lobby]:
        """Opens the data folder in this process."""
        lobby = open_lobby(Settings(data_dir=self.data))
        yield lobby
        lobby.close()


def until(condition: Callable[[], bool], process: Process, *, pause: float = 0.02) -> None:
    """Waits up to 30 seconds for something that a running command is about to do."""
    end = time.monotonic() + 30
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "it did not happen"
        time.sleep(pause)


def status_of(port: int, path: str = "/livez") -> int:
    """Returns the status of a server's answer, and 0 as long as there is none."""
    try:
        # To read the certificates of authorities would cost 25 ms of a processor at each call.
        return httpx2.get(f"http://127.0.0.1:{port}{path}", verify=False).status_code
    except httpx2.HTTPError:
        return 0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
