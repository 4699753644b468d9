"""An SMTP server that writes down what it takes, and answers as badly as it is told to.

`python -m tools.smtp_sink RECORD [--seed N] [--calm] [--unsynced]` prints its port, and ends when
its standard input does. A line of the record is one final dot, with tabs:

    taken | refused | deferred | lost_taken | lost    MESSAGE-ID    RECIPIENT    SECONDS

`taken` got 250, `refused` 550, `deferred` 451. After the other two the connection was dropped
without an answer: `lost_taken` had been taken, `lost` had not. A line is on disk before the answer.
"""

import argparse
import contextlib
import os
import random
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from core.settings import ROOT

ANSWERS = {
    "taken": b"250 2.0.0 taken\r\n",
    "refused": b"550 5.7.1 not wanted\r\n",
    "deferred": b"451 4.3.2 later\r\n",
}


@dataclass(frozen=True, slots=True)
class Weather:
    """How likely each misfortune is, from 0 to 1; a delay is of up to `longest_delay` seconds."""

    deferred: float = 0.04
    refused: float = 0.01
    lost: float = 0.005
    lost_taken: float = 0.005
    delayed: float = 0.05
    longest_delay: float = 0.05


CALM = Weather(0, 0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class SinkEntry:
    """A line of the sink's record: one message that was sent to its final dot."""

    outcome: str
    message_id: str
    recipient: str
    at: float

    @property
    def was_taken(self) -> bool:
        """Whether the sink has the message; its answer may still have been lost."""
        return self.outcome in ("taken", "lost_taken")


class Sink(socketserver.ThreadingTCPServer):
    """A thread for each connection, so that one that waits keeps no other."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, record: BinaryIO, weather: Weather, *, seed: int, synced: bool) -> None:
        super().__init__(("127.0.0.1", 0), Conversation)
        self._record, self._weather, self._synced = record, weather, synced
        self._chance = random.Random(seed)
        self._lock = threading.Lock()

    def take(self, message_id: str, recipient: str) -> str:
        """Decide what becomes of a message, and write it down."""
        with self._lock:
            fate, delay = self._decide()
            line = f"{fate}\t{message_id}\t{recipient}\t{time.monotonic():.6f}\n"
            self._record.write(line.encode())
            self._record.flush()
        if self._synced:
            os.fsync(self._record.fileno())
        if delay:
            time.sleep(delay)
        return fate

    def _decide(self) -> tuple[str, float]:
        weather, delay = self._weather, 0.0
        if self._chance.random() < weather.delayed:
            delay = self._chance.uniform(0, weather.longest_delay)
        drawn = self._chance.random()
        for fate in ("deferred", "refused", "lost", "lost_taken"):
            drawn -= getattr(weather, fate)
            if drawn < 0:
                return fate, delay
        return "taken", delay


class Conversation(socketserver.StreamRequestHandler):
    """One connection: as much of RFC 5321 as a client that behaves will use."""

    server: Sink
    disable_nagle_algorithm = True

    def handle(self) -> None:
        """Answer each command until the other side goes, or is dropped."""
        try:
            self.wfile.write(b"220 sink.example.org\r\n")
            while line := self.rfile.readline():
                if not self._answer(line):
                    return
        except ConnectionError:
            return  # a client that was killed

    def _answer(self, line: bytes) -> bool:
        """False where the connection is over."""
        verb = line[:4].upper()
        if verb == b"DATA":
            return self._data()
        if verb == b"RCPT":
            self._recipient = line.partition(b"<")[2].partition(b">")[0].decode()
        self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 OK\r\n")
        return verb != b"QUIT"

    def _data(self) -> bool:
        self.wfile.write(b"354 go on\r\n")
        message_id = ""
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                return False  # it went before the dot: nothing was handed over
            if not message_id and line[:11].lower() == b"message-id:":
                message_id = line[11:].strip().decode()
        fate = self.server.take(message_id, self._recipient)
        if fate not in ANSWERS:
            return False
        self.wfile.write(ANSWERS[fate])
        return True


def entries_in(record: Path) -> list[SinkEntry]:
    """Reads a record; leaves out a last line that is still being written."""
    lines = record.read_text().splitlines(keepends=True)
    parts = [line.split("\t") for line in lines if line.endswith("\n")]
    return [SinkEntry(outcome, name, to, float(at)) for outcome, name, to, at in parts]


@contextlib.contextmanager
def running(record: Path, *options: str) -> Iterator[str]:
    """Yields the LOBBY_SMTP_URL of a sink in a process of its own."""
    record.touch()
    command = [sys.executable, "-m", "tools.smtp_sink", str(record), *options]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"smtp://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()


def main() -> None:
    """Serve until standard input ends: a sink never outlives whoever started it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("record", type=Path)
    parser.add_argument("--seed", type=int, default=2017)
    parser.add_argument("--calm", action="store_true", help="take everything, at once")
    parser.add_argument("--unsynced", action="store_true", help="do not wait for the disk")
    told = parser.parse_args()
    weather = CALM if told.calm else Weather()
    with (
        told.record.open("ab") as record,
        Sink(record, weather, seed=told.seed, synced=not told.unsynced) as sink,
    ):
        threading.Thread(target=sink.serve_forever, daemon=True).start()
        print(sink.server_address[1], flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
