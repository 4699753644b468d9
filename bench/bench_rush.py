"""A rush of signatures at a steady rate, with the sorter and the mails running in one process.

`lobby serve` runs with its worker inline, and sends mails to a sink on loopback. The bench posts at
a steady rate, and looks every half second at the oldest submission that waits for the sorter. Then
it waits until everything is sorted. Each mail has to be queued within a minute.
"""

import argparse
import itertools
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import sqlalchemy as sa
import uvloop

from bench import http_load
from bench.intake.load import signatures
from core.settings import ROOT, Settings
from models import MessageState, OutboxMessage, Submission, SubmissionState
from models.base import table_of
from services.assembly import Lobby, open_lobby
from tools import sample_data, smtp_sink
from tools.databases import fresh_database
from tools.processes import LOBBY
from tools.settings import environment, throwaway_settings

CONNECTIONS, LONGEST_WAIT = 64, 600.0
MOST_SECONDS, MOST_RATE = 120, 5000
_submission, _outbox = table_of(Submission), table_of(OutboxMessage)


class Watch:
    """Looks at the queue of the sorter in a thread of its own."""

    def __init__(self, lobby: Lobby) -> None:
        self._lobby = lobby
        self.oldest = 0.0
        self.most = 0

    @contextmanager
    def watching(self) -> Iterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=self._run, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _run(self, stop: threading.Event) -> None:
        while not stop.wait(0.5):
            count, age = self.unsorted()
            self.most, self.oldest = max(self.most, count), max(self.oldest, age)

    def unsorted(self) -> tuple[int, float]:
        """Returns how many submissions are not sorted, and the age of the oldest in seconds."""
        statement = sa.select(sa.func.count(), sa.func.min(_submission.c.received_at)).where(
            _submission.c.state == SubmissionState.NEW
        )
        with self._lobby.database.read() as session:
            count, oldest = session.connection().execute(statement).one()
        return count, (self._lobby.clock() - oldest).total_seconds() if oldest else 0.0

    def mails(self) -> tuple[int, int]:
        """Returns how many mails were queued, and how many of them were accepted."""
        queued = sa.select(_outbox.c.state, sa.func.count()).group_by(_outbox.c.state)
        with self._lobby.database.read() as session:
            counts = {row[0]: row[1] for row in session.connection().execute(queued)}
        return sum(counts.values()), counts.get(MessageState.ACCEPTED, 0)


def run(backend: str, rate: int, seconds: int) -> dict[str, Any]:
    """Returns the figures of one rush."""
    with ExitStack() as stack:
        folder, url = stack.enter_context(fresh_database(backend))
        address = stack.enter_context(smtp_sink.running(folder / "sink.tsv", "--calm"))
        settings = throwaway_settings(folder, url).model_copy(
            update={"worker": "inline", "smtp_url": address}
        )
        lobby = stack.enter_context(closing(open_lobby(settings)))
        sample_data.load_demonstration(lobby)
        watch = Watch(lobby)
        before = watch.mails()
        with serving(settings) as port:
            return _rush(port, watch, before, rate, seconds)


@contextmanager
def serving(settings: Settings) -> Iterator[int]:
    """Runs `lobby serve`, and yields its port once it answers."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    with (settings.data_dir / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [*LOBBY, "serve", "--port", str(port)],
            cwd=ROOT,
            env=environment(settings),
            stdout=log,
            stderr=log,
        )
    try:
        for _ in range(600):
            with closing(socket.socket()) as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait()


def _rush(
    port: int, watch: Watch, before: tuple[int, int], rate: int, seconds: int
) -> dict[str, Any]:
    requests = list(itertools.islice(signatures(), rate * seconds))
    with watch.watching():
        started = time.monotonic()
        load = uvloop.run(http_load.run(port, CONNECTIONS, requests, rate=rate))
        took = time.monotonic() - started
        while watch.unsorted()[0] and time.monotonic() - started < LONGEST_WAIT:
            time.sleep(0.2)
        cleared = time.monotonic() - started - took
    queued, accepted = (now - then for now, then in zip(watch.mails(), before, strict=True))
    return {
        "signed": len(requests),
        "a second": f"{load['rate']:,.0f}",
        "p50 ms": f"{load['p50']:.1f}",
        "p99 ms": f"{load['p99']:.1f}",
        "most unsorted": watch.most,
        "oldest unsorted, s": f"{watch.oldest:.1f}",
        "sorted after the rush, s": f"{cleared:.1f}",
        "mails queued": queued,
        "mails sent by then": accepted,
    }


def main() -> None:
    """Prints a Markdown table; exits with status 1 if a mail was not queued within a minute."""
    parser = argparse.ArgumentParser(prog="bench_rush", description=__doc__)
    parser.add_argument("--rate", type=int, default=2000, help="signatures a second")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    arguments = parser.parse_args()
    if arguments.rate > MOST_RATE or arguments.seconds > MOST_SECONDS:
        parser.error(f"at most {MOST_RATE} a second for {MOST_SECONDS} seconds")
    is_good = True
    for place, backend in enumerate(("sqlite", "postgresql")):
        if arguments.only not in (None, backend):
            continue
        figures = run(backend, arguments.rate, arguments.seconds)
        if place == 0 or arguments.only:
            print(f"| database | {' | '.join(figures)} |\n|{'---|' * (len(figures) + 1)}")
        print(f"| {backend} | {' | '.join(map(str, figures.values()))} |", flush=True)
        in_time = float(figures["oldest unsorted, s"]) <= 60
        is_good = is_good and in_time and figures["mails queued"] == figures["signed"]
    sys.exit(0 if is_good else 1)


if __name__ == "__main__":
    main()
