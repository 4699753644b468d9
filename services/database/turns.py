"""Turns for the writers of SQLite, in the order in which they ask.

SQLAlchemy's own pool gives a returned connection to the thread that asks first after that. This is
often the thread that has just returned it, so a busy thread kept SQLite's one writing connection,
and others waited for seconds.
"""

import threading
from collections import deque
from contextvars import ContextVar
from typing import Any

from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

# The last turn of this thread. A request keeps it in its context, as its threads may change.
_last_turn: ContextVar[threading.Event | None] = ContextVar("last_turn", default=None)


class Turns:
    """A lock that those who wait for it get in the order in which they asked."""

    def __init__(self) -> None:
        # Reentrant, because the garbage collector may return a connection at any moment.
        self._lock = threading.RLock()
        self._taken: threading.Event | None = None
        self._waiting: deque[threading.Event] = deque()

    def take(self, timeout: float) -> bool:
        """Waits for a turn, at most `timeout` seconds. Returns whether it came.

        :raises RuntimeError: the caller has the turn already, and would wait for itself
        """
        turn = threading.Event()
        with self._lock:
            if self._taken and self._taken is _last_turn.get():
                raise RuntimeError("a writing session was opened within another one")
            self._waiting.append(turn)
            if not self._taken:
                self._pass_on()
        try:
            turn.wait(timeout)
        finally:  # also after an interrupt from the keyboard
            with self._lock:
                if not turn.is_set():
                    self._waiting.remove(turn)
        _last_turn.set(turn)
        return turn.is_set()

    def give_back(self) -> None:
        """Ends the turn, and gives it to the one that has waited longest."""
        with self._lock:
            self._pass_on()

    def waiting(self) -> int:
        """Returns how many wait for a turn."""
        with self._lock:
            return len(self._waiting)

    def _pass_on(self) -> None:
        self._taken = self._waiting.popleft() if self._waiting else None
        if self._taken:
            self._taken.set()


class PoolWithTurns(QueuePool):
    """A pool of one connection, which is lent in the order of asking."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._turns = Turns()

    def waiting(self) -> int:
        """Returns how many wait for the connection."""
        return self._turns.waiting()

    def _do_get(self) -> ConnectionPoolEntry:
        if not self._turns.take(self._timeout):
            raise PoolTimeout(f"No turn to write to SQLite came within {self._timeout:g} seconds.")
        try:
            return super()._do_get()
        except BaseException:
            self._turns.give_back()
            raise

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        try:
            super()._do_return_conn(record)
        finally:
            self._turns.give_back()
