"""Sorts new submissions into those that get a mail now, wait, or are deleted.

It also serves what senders ask on the page after sending.
"""

import threading
import time
from datetime import timedelta
from uuid import UUID

from models import SubmissionState
from services.assembly import Lobby
from services.common.ids import first_id_at, moment_of
from services.submissions import sender_requests, sorting

IDLE_SECONDS = 0.5
REST_FACTOR = 4
"""How much longer than a batch the sorter rests while others wait to write."""
# PostgreSQL's index of new rows keeps dead entries while a long snapshot is open. The sorter skips
# them: it starts ten minutes before the last row that it sorted, once a minute at the beginning.
_OVERLAP = timedelta(minutes=10)
_FROM_THE_BEGINNING_SECONDS = 60.0


class SubmissionSorter:
    """Sorts what is new, batch by batch. Each process has one."""

    def __init__(self) -> None:
        self._after: UUID | None = None
        self._next_full = 0.0

    def __call__(self, lobby: Lobby, stop: threading.Event) -> None:
        """Sorts and serves until nothing is left, or until `stop` is set."""
        while not stop.is_set():
            started = time.monotonic()
            # Both in each round: neither waits for the end of a rush.
            if not self.sort_batch(lobby) + serve_requests(lobby):
                return
            if lobby.database.writers_waiting():
                stop.wait(REST_FACTOR * (time.monotonic() - started))

    def sort_batch(self, lobby: Lobby) -> int:
        """Sorts at most a hundred submissions; returns how many.

        Reading and decrypting are outside of the transaction that writes.
        """
        now = lobby.clock()
        is_full = time.monotonic() >= self._next_full
        with lobby.database.read() as session:
            rows = sorting.read(session, now=now, after=None if is_full else self._after)
        if is_full and len(rows) < sorting.BATCH:
            self._next_full = time.monotonic() + _FROM_THE_BEGINNING_SECONDS
        if not rows:
            return 0
        batch = sorting.prepare(rows, keyring=lobby.keyring)
        with lobby.database.write(is_public=False) as session:
            count = sorting.sort_if_alone(session, batch, now=now)
        if new_ids := [row.id for row in rows if row.state is SubmissionState.NEW]:
            self._after = first_id_at(moment_of(new_ids[-1]) - _OVERLAP)
        return count


def serve_requests(lobby: Lobby) -> int:
    """Serves requests of senders, at most a hundred; returns how many."""
    with lobby.database.read() as session:
        if not sender_requests.is_any_left(session):
            return 0
    with lobby.database.write(is_public=False) as session:
        return sender_requests.serve(session, keyring=lobby.keyring, now=lobby.clock())


def sort_submissions(lobby: Lobby) -> None:
    """Sorts everything that is new or due now, and serves all requests of senders."""
    SubmissionSorter()(lobby, threading.Event())
