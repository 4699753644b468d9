"""Deletes idempotency keys that have expired."""

import threading

from services.assembly import Lobby
from services.traffic import idempotency

AT_ONCE, MOST_ROUNDS = 1000, 20


def forget_old_keys(lobby: Lobby, stop: threading.Event) -> int:
    """Deletes expired keys and returns how many.

    It uses small transactions, so that requests do not wait long for a lock. After a rush some keys
    are left for the next call; they have no effect until then.
    """
    total = 0
    for _ in range(MOST_ROUNDS):
        with lobby.database.write(is_public=False) as session:
            deleted = idempotency.delete_expired(session, now=lobby.clock(), limit=AT_ONCE)
        total += deleted
        if deleted < AT_ONCE or stop.is_set():
            break
    return total
