"""Turns letters from before submissions into submissions, and back, in small transactions."""

import threading
import time
from datetime import timedelta
from uuid import UUID

import structlog

from services.assembly import Lobby
from services.common.ids import first_id_at
from services.letters import adoption

AT_ONCE = 200
_DAY_SECONDS = 86400.0
_RECENT = timedelta(hours=1)
log = structlog.get_logger()


class LetterAdoption:
    """Adopts the pending letters, and deletes those that are too old. Each process has one.

    It goes on looking when all are adopted, since a process of an earlier version may write more.
    There is no index of pending letters. So it looks at all letters at the start and once a day,
    and in between at those of the last hour. Letters that cannot be decrypted stay until they are
    too old.
    """

    def __init__(self) -> None:
        self._next_full = 0.0

    def __call__(self, lobby: Lobby, stop: threading.Event) -> int:
        """Adopts and deletes until nothing is left; returns how many letters it did that to."""
        started = time.monotonic()
        is_full = started >= self._next_full
        after = adoption.THE_OLDEST if is_full else first_id_at(lobby.clock() - _RECENT)
        total = 0
        while not stop.is_set() and (part := _adopt_some(lobby, after)):
            total += part
        if is_full and not stop.is_set():
            self._next_full = started + _DAY_SECONDS
        if total:
            log.info("letters_adopted", letters=total)
        return total


def _adopt_some(lobby: Lobby, after: UUID) -> int:
    with lobby.database.read() as session:
        if not adoption.is_needed(session, after=after):
            return 0
    with lobby.database.write(is_public=False) as session:
        return adoption.adopt(
            session, keyring=lobby.keyring, now=lobby.clock(), limit=AT_ONCE, after=after
        )


def give_back_letters(lobby: Lobby) -> int:
    """Turns submitted letters into pending ones; returns how many submissions it ended."""
    ended = 0
    while True:
        with lobby.database.write(is_public=False) as session:
            part = adoption.give_back(session, now=lobby.clock(), limit=AT_ONCE)
        if not part:
            return ended
        ended += part
