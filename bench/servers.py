"""Servers to measure, each in a process of its own on a free port of loopback.

`serving` also starts `lobby serve` as operators do (kind `serve`), E (`bench.empty_endpoint`) and
the empty application (`bench.empty_app`), each from the folder of any version.
`python -m bench.servers KIND PORT` serves one of these:

- `lobby`: the whole service, with the settings of the LOBBY_ variables, without the bounds of
  `lobby serve` for slow clients;
- `single`: the whole service, whose group commit takes one request at a time;
- `unordered`: the whole service, whose writers on SQLite do not take turns;
- `session`: FastAPI with the same services, and a session and a commit per request.

BENCH_FSYNC=0.002 makes every commit of SQLite take at least that many seconds.
"""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI
from sqlalchemy.pool import QueuePool

from api.answers import batches
from api.answers.signed_answers import SignedAnswers
from api.answers.state import set_state, state_of
from api.front.bounded_protocol import BoundedProtocol
from api.schemas.signature import NewSignature, SignedAnswer
from core import logs
from core.settings import ROOT, Settings
from main import create_app
from services.assembly import Lobby, open_lobby
from services.database import engine
from services.signatures import recording
from services.traffic.group_commit import GroupCommit
from services.views import seat_views
from tools.processes import LOBBY

# Several processes that share a port, with logs and uvicorn's options as in `lobby serve`.
PROCESSES = """
import sys, uvicorn
from cli.serving import SERVER
port, workers = map(int, sys.argv[1:])
uvicorn.run("bench.servers:lobby", factory=True, port=port, workers=workers, **SERVER)
"""


def lobby() -> FastAPI:
    """Returns the service, which logs as in production."""
    logs.configure(is_final=True)
    settings = Settings()
    return create_app(settings, lobby=lobby_of(settings))


def lobby_of(settings: Settings) -> Lobby:
    """Opens a lobby, with slower commits if BENCH_FSYNC is set."""
    opened = open_lobby(settings)
    seconds = float(os.environ.get("BENCH_FSYNC", "0"))
    if seconds and opened.database.is_sqlite:
        writer: Any = opened.database._writer
        sa.event.listen(writer, "commit", lambda _connection: time.sleep(seconds))
    return opened


def single() -> FastAPI:
    """Returns the service with batches of one request."""
    app = lobby()
    state = state_of({"app": app})
    alone = GroupCommit(batches.signature_recorder(state.lobby), largest_batch=1)
    set_state(app, replace(state, intake=alone))
    return app


class PoolWithoutTurns(QueuePool):
    """SQLAlchemy's own pool, which lends its connection in any order."""

    def waiting(self) -> int:
        """Returns 0, as it does not know."""
        return 0


def unordered() -> FastAPI:
    """Returns the service as it was before writers took turns."""
    module: Any = engine
    module.PoolWithTurns = PoolWithoutTurns
    return lobby()


def session() -> FastAPI:
    """Returns the obvious implementation: a session and a commit per request, and pydantic."""
    the_lobby = lobby_of(Settings())
    app = FastAPI(docs_url=None, redoc_url=None)

    @app.get("/livez")
    async def live() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/v1/petitions/{slug}/signatures", status_code=201)
    def sign(slug: str, body: NewSignature) -> SignedAnswer:
        now = the_lobby.clock()
        with the_lobby.database.write() as writing:
            (outcome,) = recording.record(
                writing,
                [body.as_request(slug)],
                postcodes=the_lobby.postcodes.lookup,
                keyring=the_lobby.keyring,
                now=now,
            )
        with the_lobby.database.read() as reading:
            board = seat_views.board_of_petition(reading, slug, now=now)
        return SignedAnswers(board).answer(outcome.constituency_code or "")

    return app


@contextlib.contextmanager
def serving(
    kind: str, folder: Path, settings: dict[str, str], *, fsync: float = 0, root: Path = ROOT
) -> Iterator[tuple[int, int]]:
    """Starts a server; yields its port and process id once it answers. `fsync` is in seconds.

    `root` is the folder of the version to start.
    """
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            command(kind, port),
            cwd=root,
            env=_environment(folder, settings) | {"BENCH_FSYNC": str(fsync)},
            stdout=log,
            stderr=log,
        )
    try:
        _wait(port, process)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(timeout=60)


def command(kind: str, port: int) -> list[str]:
    """Returns the command that starts a server of this kind; `processes 4` is four of the service.

    An earlier version may not know all of these by its own `bench.servers`.
    """
    if kind == "serve":
        return [*LOBBY, "serve", "--port", str(port)]
    if kind.startswith("processes "):
        return [sys.executable, "-c", PROCESSES, str(port), kind.split()[1]]
    if kind in ("empty_endpoint", "empty_app"):
        return [sys.executable, "-m", f"bench.{kind}", str(port)]
    return [sys.executable, "-m", "bench.servers", kind, str(port)]


def demonstrate(folder: Path, settings: dict[str, str], *, root: Path = ROOT) -> None:
    """Loads the demonstration into the database of some settings."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = _environment(folder, settings)
    subprocess.run(
        [*LOBBY, "demo"], cwd=root, env=environment, stdout=subprocess.DEVNULL, check=True
    )


def _environment(folder: Path, settings: dict[str, str]) -> dict[str, str]:
    """Returns the environment of a server. Without bytecode, it would compile at each start."""
    ours = ("LOBBY_", "PYTHONDONTWRITEBYTECODE")
    others = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    variables = {f"LOBBY_{name.upper()}": value for name, value in settings.items()}
    return others | {"LOBBY_DATA_DIR": str(folder)} | variables


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(3000):
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=5).read()
            return
        if process.poll() is not None:
            raise RuntimeError("the server ended at once; see its log")
        time.sleep(0.01)
    raise RuntimeError("the server does not answer")


def main() -> None:
    kinds = {"lobby": lobby, "single": single, "session": session, "unordered": unordered}
    app, port = kinds[sys.argv[1]](), int(sys.argv[2])
    uvicorn.run(app, port=port, http=BoundedProtocol, access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
