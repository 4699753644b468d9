"""Forgetting keys of requests that nobody can use any more."""

import threading

from services.assembly import Lobby
from services.traffic import idempotency

AT_ONCE, MOST_ROUNDS = 1000, 20


def forget_old_keys(lobby: Lobby, stop: threading.Event) -> int:
    """Delete old keys in small transactions, so that nobody who signs waits long for one; how many.

    After a rush some are left for the next time. Until then they count as gone all the same.
    """
    forgotten = 0
    for _ in range(MOST_ROUNDS):
        with lobby.database.write(is_public=False) as session:
            found = idempotency.delete_expired(session, now=lobby.clock(), limit=AT_ONCE)
        forgotten += found
        if found < AT_ONCE or stop.is_set():
            break
    return forgotten
