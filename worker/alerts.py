"""Makes the digests of alerts that are due. The outbox sends them like all other emails."""

import threading

import structlog

from services.alerts import digests
from services.assembly import Lobby

log = structlog.get_logger()


def make_digests(lobby: Lobby, stop: threading.Event) -> int:
    """Makes the digests that are due, one organisation in a transaction; returns how many."""
    now = lobby.clock()
    with lobby.database.read() as session:
        organisations = digests.due(session, now=now)
    made = 0
    for organisation_id in organisations:
        if stop.is_set():
            break
        with lobby.database.write(is_public=False) as session:
            made += digests.make_due(session, organisation_id, pace=lobby.pace, now=now)
    if made:
        log.info("alerts_queued", digests=made)
    return made
