"""Turns letters from before submissions into submissions, and back, in small transactions."""

import threading

import structlog

from services.assembly import Lobby
from services.letters import adoption

AT_ONCE = 200
log = structlog.get_logger()


def adopt_letters(lobby: Lobby, stop: threading.Event) -> int:
    """Adopts the pending letters, and deletes those that are too old; returns how many in all.

    It goes on looking when all are adopted, since a process of an earlier version may write more.
    Letters that cannot be decrypted stay until they are too old.
    """
    total = 0
    while not stop.is_set():
        with lobby.database.read() as session:
            if not adoption.is_needed(session):
                break
        with lobby.database.write(is_public=False) as session:
            adopted = adoption.adopt(session, now=lobby.clock(), limit=AT_ONCE)
        if not adopted:
            break
        total += adopted
    if total:
        log.info("letters_adopted", letters=total)
    return total


def give_back_letters(lobby: Lobby) -> int:
    """Turns submitted letters into pending ones; returns how many submissions it ended."""
    ended = 0
    while True:
        with lobby.database.write(is_public=False) as session:
            part = adoption.give_back(session, now=lobby.clock(), limit=AT_ONCE)
        if not part:
            return ended
        ended += part
