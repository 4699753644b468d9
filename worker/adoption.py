"""Turns signatures from before submissions into submissions, in small transactions."""

import threading
import time
from datetime import timedelta
from uuid import UUID

import structlog

from services.assembly import Lobby
from services.signatures import adoption
from services.signatures.adoption import Adopted, Position

REST_FACTOR = 4
"""How much longer than a transaction the job rests while others wait to write."""
LOOKED_AT = 5000  # signatures of a read, to find expired ones
# Signatures that cannot be decrypted stay where they are. A look begins some minutes before the
# last signature of the look before it, so that they are not read again each time; once an hour it
# begins at the beginning.
_OVERLAP = timedelta(minutes=10)
_HOUR_SECONDS, _DAY_SECONDS = 3600.0, 86400.0
_FIRST_ID = UUID(int=0)
log = structlog.get_logger()


class SignatureAdoption:
    """Adopts the pending signatures, and deletes those that are too old. Each process has one.

    It goes on looking when all are adopted, since a process of an earlier version may write more.
    What is adopted is not found again, so that after a stop or a crash the next run goes on. Runs
    of several processes share the work.
    """

    def __init__(self) -> None:
        self._after: Position | None = None
        self._next_full = self._next_expired = 0.0

    def __call__(self, lobby: Lobby, stop: threading.Event) -> int:
        """Adopts and deletes until nothing is left; returns how many signatures it did that to."""
        started = time.monotonic()
        is_full = started >= self._next_full
        adopted, deleted = self._adopt(lobby, stop, None if is_full else self._after)
        if is_full and not stop.is_set():
            self._next_full = started + _HOUR_SECONDS
        if started >= self._next_expired and not stop.is_set():
            deleted += _delete_expired(lobby, stop)
            self._next_expired = started + _DAY_SECONDS
        if adopted or deleted:
            seconds = round(time.monotonic() - started, 1)
            log.info("signatures_adopted", adopted=adopted, deleted=deleted, seconds=seconds)
        return adopted + deleted

    def _adopt(
        self, lobby: Lobby, stop: threading.Event, after: Position | None
    ) -> tuple[int, int]:
        adopted = deleted = 0
        while not stop.is_set():
            started = time.monotonic()
            part = _adopt_next(lobby, after)
            adopted, deleted = adopted + part.adopted, deleted + part.deleted
            if part.last is None:
                break
            after = part.last
            self._after = Position(after.signed_at - _OVERLAP, _FIRST_ID)
            _rest(lobby, stop, started)
        return adopted, deleted


def _adopt_next(lobby: Lobby, after: Position | None) -> Adopted:
    with lobby.database.write(is_public=False) as session:
        part = adoption.adopt_next(session, after=after, keyring=lobby.keyring, now=lobby.clock())
    for signature_id in part.left:
        log.error("signature_not_adopted", signature=str(signature_id))
    return part


def _delete_expired(lobby: Lobby, stop: threading.Event) -> int:
    """Deletes the signatures that an earlier version let expire. This reads the whole table."""
    deleted, last = 0, _FIRST_ID
    while not stop.is_set():
        with lobby.database.read() as session:
            ids, end = adoption.expired(session, after=last, limit=LOOKED_AT)
        for start in range(0, len(ids), adoption.AT_ONCE):
            started = time.monotonic()
            with lobby.database.write(is_public=False) as session:
                some = ids[start : start + adoption.AT_ONCE]
                deleted += adoption.delete_expired(session, some)
            _rest(lobby, stop, started)
        if end is None:
            break
        last = end
    return deleted


def _rest(lobby: Lobby, stop: threading.Event, started: float) -> None:
    """Lets others write, if they wait, after a transaction that began at `started`."""
    if lobby.database.writers_waiting():
        stop.wait(REST_FACTOR * (time.monotonic() - started))
