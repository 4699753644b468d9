"""Runs the `lobby` commands for which the shells of the documents' blocks ask."""

import json
import os
import pty
import socketserver
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2

from core.settings import ROOT
from tests.support.cli import Done, free_port
from tools import forked_commands
from tools.processes import LOBBY

SECONDS = 120
# They look at the shell that started them, so they run in a process of their own.
_OF_A_SHELL = ("--install-completion", "--show-completion")
_STOPPED = (0, -15)


class _Commands(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        done = run(**json.load(self.rfile))
        self.wfile.write(json.dumps(done).encode())


@contextmanager
def answering() -> Iterator[Path]:
    """Yields the path of a socket at which lobby_command.py can ask for commands."""
    # The path of a socket has at most 108 bytes.
    with TemporaryDirectory(prefix="lobby-docs-", dir="/tmp") as folder:
        socket = Path(folder, "commands")
        with serving_in_thread(_Commands(str(socket), _Handler)):
            yield socket


@contextmanager
def serving_in_thread(server: socketserver.BaseServer) -> Iterator[None]:
    """Serves until the end of the block; looks twice a second for it, which costs little."""
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def run(arguments: list[str], cwd: str, env: dict[str, str]) -> dict[str, Any] | None:
    """Runs a command; returns its status and texts, or None if the shell has to start it."""
    if arguments[:1] and arguments[0] in _OF_A_SHELL:
        return None
    ways: Mapping[str, Callable[..., Done]] = {"serve": _served, "restore": _in_a_terminal}
    way = ways.get(arguments[0] if arguments else "", _forked)
    done = way(arguments, cwd=Path(cwd), env=env)
    return {"status": done.returncode, "stdout": done.stdout, "stderr": done.stderr}


def _forked(arguments: list[str], *, cwd: Path, env: dict[str, str]) -> Done:
    return forked_commands.run(["lobby", *arguments], cwd=cwd, env=env, timeout=SECONDS)


def _in_a_terminal(arguments: list[str], *, cwd: Path, env: dict[str, str]) -> Done:
    """Answers yes to a question, as a person does."""
    terminal, theirs = pty.openpty()
    try:
        os.write(terminal, b"y\n")
        done: Done = _process(arguments, cwd, env, run=partial(subprocess.run, stdin=theirs))
        return done
    finally:
        os.close(theirs)
        os.close(terminal)


def _served(arguments: list[str], *, cwd: Path, env: dict[str, str]) -> Done:
    """Serves on a free port in place of 8000, and stops when the server is ready."""
    port = free_port()
    mapped = [*arguments, "--port", str(port)]
    with _process(mapped, cwd, env, run=subprocess.Popen) as server:
        is_ready = wait_until_ready(server, f"http://127.0.0.1:{port}")
        server.terminate()
        out, err = server.communicate()
    assert is_ready, err
    return Done(mapped, 0 if server.returncode in _STOPPED else server.returncode, out, err)


def _process(
    arguments: list[str], cwd: Path, env: dict[str, str], *, run: Callable[..., Any]
) -> Any:
    return run(
        [*LOBBY, *arguments],
        cwd=cwd,
        env=env | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until_ready(server: "subprocess.Popen[str]", url: str) -> bool:
    """Returns whether a server answers before it ends, and within `SECONDS`."""
    end = time.monotonic() + SECONDS
    while server.poll() is None and time.monotonic() < end:
        with suppress(httpx2.HTTPError):
            if httpx2.get(f"{url}/livez", timeout=SECONDS).status_code == 200:
                return True
        time.sleep(0.1)
    return False
