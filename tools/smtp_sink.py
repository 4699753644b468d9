"""An SMTP server that records what it accepts, and fails as often as it is told to.

`python -m tools.smtp_sink RECORD [--seed N] [--calm] [--unsynced]` prints its port, and ends when
its standard input does. A line of the record is one message that was sent to its final dot, with
tabs between the fields:

    taken | refused | deferred | lost_taken | lost    MESSAGE-ID    RECIPIENT    SECONDS

`taken` got 250, `refused` 550, `deferred` 451. In the other two cases the connection was dropped
without an answer: `lost_taken` had been accepted, `lost` had not. A line is on disk before the
answer goes out, unless `--unsynced`.
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
# Like the relays that people use, it takes several commands at once (RFC 2920).
_REPLIES = {b"EHLO": b"250-sink.example.org\r\n250 PIPELINING\r\n", b"QUIT": b"221 bye\r\n"}


@dataclass(frozen=True, slots=True)
class FailureRates:
    """The probability of each failure, and the longest delay of an answer in seconds."""

    deferred: float = 0.04
    refused: float = 0.01
    lost: float = 0.005
    lost_taken: float = 0.005
    delayed: float = 0.05
    longest_delay: float = 0.05


CALM = FailureRates(0, 0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class SinkEntry:
    """A line of the sink's record: one message that was sent to its final dot."""

    outcome: str
    message_id: str
    recipient: str
    at: float

    @property
    def was_taken(self) -> bool:
        """Returns whether the sink has the message; its answer may still have been lost."""
        return self.outcome in ("taken", "lost_taken")


class Sink(socketserver.ThreadingTCPServer):
    """The server: a thread for each connection, so that a delayed answer blocks no other."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, record: BinaryIO, rates: FailureRates, *, seed: int, synced: bool) -> None:
        super().__init__(("127.0.0.1", 0), Conversation)
        self._record, self._rates, self._synced = record, rates, synced
        self._chance = random.Random(seed)
        self._lock = threading.Lock()

    def take(self, message_id: str, recipient: str) -> str:
        """Decides what becomes of a message, records it and returns it."""
        with self._lock:
            outcome, delay = self._decide()
            line = f"{outcome}\t{message_id}\t{recipient}\t{time.monotonic():.6f}\n"
            self._record.write(line.encode())
            self._record.flush()
        if self._synced:
            os.fsync(self._record.fileno())
        if delay:
            time.sleep(delay)
        return outcome

    def _decide(self) -> tuple[str, float]:
        rates, delay = self._rates, 0.0
        if self._chance.random() < rates.delayed:
            delay = self._chance.uniform(0, rates.longest_delay)
        drawn = self._chance.random()
        for outcome in ("deferred", "refused", "lost", "lost_taken"):
            drawn -= getattr(rates, outcome)
            if drawn < 0:
                return outcome, delay
        return "taken", delay


class Conversation(socketserver.StreamRequestHandler):
    """One connection. It knows as much of RFC 5321 as a correct client uses."""

    server: Sink
    disable_nagle_algorithm = True

    def handle(self) -> None:
        try:
            self.wfile.write(b"220 sink.example.org\r\n")
            while line := self.rfile.readline():
                if not self._answer(line):
                    return
        except ConnectionError:
            return  # the client was killed

    def _answer(self, line: bytes) -> bool:
        """Returns whether the connection goes on."""
        verb = line[:4].upper()
        if verb == b"DATA":
            return self._data()
        if verb == b"RCPT":
            self._recipient = line.partition(b"<")[2].partition(b">")[0].decode()
        self.wfile.write(_REPLIES.get(verb, b"250 OK\r\n"))
        return verb != b"QUIT"

    def _data(self) -> bool:
        self.wfile.write(b"354 go on\r\n")
        message_id = ""
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                return False  # the client went before the dot: it handed over nothing
            if not message_id and line[:11].lower() == b"message-id:":
                message_id = line[11:].strip().decode()
        outcome = self.server.take(message_id, self._recipient)
        if outcome not in ANSWERS:
            return False
        self.wfile.write(ANSWERS[outcome])
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
    """Serves until standard input ends, so that a sink never outlives its parent."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("record", type=Path)
    parser.add_argument("--seed", type=int, default=2017)
    parser.add_argument("--calm", action="store_true", help="accept every message at once")
    parser.add_argument("--unsynced", action="store_true", help="do not wait for the disk")
    arguments = parser.parse_args()
    rates = CALM if arguments.calm else FailureRates()
    with (
        arguments.record.open("ab") as record,
        Sink(record, rates, seed=arguments.seed, synced=not arguments.unsynced) as sink,
    ):
        threading.Thread(target=sink.serve_forever, daemon=True).start()
        print(sink.server_address[1], flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
