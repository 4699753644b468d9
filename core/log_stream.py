"""One file for all log entries of a process, in their order.

Lines of requests wait for each other, and a thread writes them. To make and write each at once
costs a tenth of a signature.
"""

import atexit
import os
import select
import stat
import threading
import time
from collections import deque
from datetime import datetime
from io import FileIO, RawIOBase
from typing import Any

import orjson

from core import stamps

RequestSeen = tuple[str, str, int, float, str, datetime]
"""Method, route, status, seconds, id, and when it ended."""
WRITTEN_EVERY = 0.5  # seconds
TRIED_AGAIN_AFTER = 0.02  # seconds, if the file takes nothing
LONGEST_WAIT = 0.1  # seconds for another thread that writes, to a slow disk for instance
LONGEST_WAIT_AT_END = 5.0  # seconds for whoever reads the log
TOGETHER = 400  # entries in one write: about 64 kB of requests
MOST_WAITING = 10_000  # entries: about 3 MB of requests
_OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z


def render(seen: RequestSeen) -> bytes:
    """Returns the line that structlog would make, in a fifth of the time."""
    method, route, status, seconds, request_id, ended_at = seen
    entry = {
        "method": method,
        "route": route,
        "status": status,
        "ms": round(seconds * 1000, 1),
        "event": "request",
        "request_id": request_id,
        "level": "info",
        "timestamp": ended_at,
    }
    return orjson.dumps(entry, repr, _OPTIONS)


class UnwaitingFile(FileIO):
    """An open file that is written without waiting: nothing to a pipe that nobody reads."""

    def __init__(self, number: int) -> None:
        super().__init__(number, "w", closefd=False)
        self._may_be_full = not stat.S_ISREG(os.fstat(number).st_mode)

    def write(self, data: Any) -> int:
        """Writes some bytes. Returns how many: none, if it would have to wait."""
        if self._may_be_full:
            if not select.select((), (self,), (), 0)[1]:
                return 0
            data = data[: select.PIPE_BUF]  # there is room for these
        return super().write(data)


class LogStream:
    """Writes entries to a file, and never raises.

    While the file is full or closed, or nobody reads it, entries wait. Those for which there is no
    room are lost, and an entry `log_lines_lost` has their number.
    """

    def __init__(self, file: RawIOBase) -> None:
        self._file = file
        self._waiting: deque[bytes | RequestSeen] = deque()
        self._unwritten = b""  # what the file did not take
        self._is_broken = False  # the last write raised something
        self._lost = 0
        # Reentrant: an object that Python frees during a write may log something.
        self._writing = threading.RLock()
        self._many = threading.Event()
        threading.Thread(target=self._write_on, name="log", daemon=True).start()
        atexit.register(self.finish)

    def add(self, entry: bytes | RequestSeen) -> None:
        """Takes an entry, or a line with its end. It is written within a second."""
        self._waiting.append(entry)  # no lock: this is all that most requests do
        if len(self._waiting) >= TOGETHER:
            self._hurry()

    def flush(self) -> bool:
        """Writes what the file takes now. Returns whether that was all."""
        if not self._writing.acquire(timeout=LONGEST_WAIT):
            return False
        try:
            while self._waiting or self._unwritten:
                if not self._write_some():
                    return False
            return True
        finally:
            self._writing.release()

    def finish(self) -> None:
        """Writes all entries. It waits for a slow reader for five seconds, and for no full disk."""
        ends = time.monotonic() + LONGEST_WAIT_AT_END
        while not self.flush() and not self._is_broken and time.monotonic() < ends:
            time.sleep(TRIED_AGAIN_AFTER)

    def _hurry(self) -> None:
        if len(self._waiting) > MOST_WAITING:
            self._waiting.pop()
            self._lost += 1
        if not self._many.is_set():
            self._many.set()

    def _write_on(self) -> None:
        while not self._file.closed:
            self._many.wait(WRITTEN_EVERY)
            self._many.clear()
            while not self.flush() and not self._file.closed:
                time.sleep(TRIED_AGAIN_AFTER)

    def _write_some(self) -> bool:
        """Returns False if the file did not take all of it."""
        self._unwritten = self._unwritten or b"".join(self._some())
        try:
            while self._unwritten:
                written = self._file.write(self._unwritten)
                if not written:
                    return False
                self._unwritten = self._unwritten[written:]
        except (OSError, ValueError):  # full, closed, or without a reader for ever
            self._is_broken = True
            return False
        self._is_broken = False
        if self._lost and not self._waiting:
            self._tell_of_loss()
        return True

    def _some(self) -> list[bytes]:
        taken = [self._waiting.popleft() for _ in range(min(len(self._waiting), TOGETHER))]
        return [entry if isinstance(entry, bytes) else render(entry) for entry in taken]

    def _tell_of_loss(self) -> None:
        lost, self._lost = self._lost, 0
        entry = {"lines": lost, "event": "log_lines_lost", "level": "warning"}
        stamped = entry | {"timestamp": stamps.now()}
        self._waiting.append(orjson.dumps(stamped, option=_OPTIONS))
