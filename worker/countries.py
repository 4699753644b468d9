"""Corrects the stored country `UK`, in small transactions beside everything else."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import structlog

from services.assembly import Lobby
from services.parliament_sync import leases
from services.signatures import stored_countries
from worker.parliament import acquire_lease

# Also after everything is corrected: while versions mix, an older process may still write `UK`,
# also into a row that we have passed. A look reads the whole table, so it is not taken more often.
LOOK_AGAIN = timedelta(days=1)
LOOKED_AT = 5000  # signatures of a read
AT_ONCE = 200  # signatures of a transaction
log = structlog.get_logger()


def correct_countries(
    lobby: Lobby, stop: threading.Event, *, looked_at: int = LOOKED_AT, at_once: int = AT_ONCE
) -> int | None:
    """Corrects all signatures with the country `UK`, if that is due and no other worker does it.

    Returns how many; None where the job was not due or not free, or there are no postcodes yet.
    What is corrected is not found again, so that after a stop or a crash the next run goes on.
    Two runs at once do no harm: each row is locked and looked at again.
    """
    if not lobby.postcodes.available:
        return None
    lease = acquire_lease(lobby, leases.COUNTRIES)
    if lease is None:
        return None
    corrected = 0
    for ids in _batches(lobby, looked_at, at_once):
        if stop.is_set():
            break
        corrected += _correct(lobby, ids)
    now, is_stopped = lobby.clock(), stop.is_set()
    next_due, error = (now, "stopped") if is_stopped else (now + LOOK_AGAIN, None)
    with lobby.database.write(is_public=False) as session:
        leases.finish(session, lease, now=now, next_due=next_due, error=error)
    if corrected:
        log.info("countries_corrected", signatures=corrected)
    return corrected


def _batches(lobby: Lobby, looked_at: int, at_once: int) -> Iterator[list[UUID]]:
    """Yields the ids to correct, none twice; an empty list for a part without any."""
    last: UUID | None = stored_countries.BEGINNING
    while last is not None:
        with lobby.database.read() as session:
            part = stored_countries.look(session, after=last, limit=looked_at)
        for start in range(0, len(part.ids) or 1, at_once):
            yield part.ids[start : start + at_once]
        last = part.last


def _correct(lobby: Lobby, ids: list[UUID]) -> int:
    """Corrects signatures in one transaction; returns how many, and logs the ids of the others."""
    if not ids:
        return 0
    lookup, keyring = lobby.postcodes.lookup, lobby.keyring
    with lobby.database.write(is_count=True) as session:
        corrected = stored_countries.correct(session, ids, postcodes=lookup, keyring=keyring)
    for signature_id in corrected.left:
        log.warning("country_not_corrected", signature=str(signature_id))
    return corrected.number
