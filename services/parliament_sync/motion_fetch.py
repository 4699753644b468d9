"""Fetches one motion from Parliament and stores it, for the worker, the API and the command."""

import time
from collections.abc import Callable
from datetime import datetime

import httpx2

from services.database.engine import Database
from services.errors import LobbyError
from services.parliament import motions
from services.parliament.official import backoff, motions_api
from services.parliament.official.http import Sleep
from services.parliament.official.motions_api import NO_VALIDATORS
from services.parliament_sync import motion_sync
from services.parliament_sync.motion_sync import MotionSync


def fetch_if_unknown(
    database: Database, client: httpx2.Client, motion_id: int, *, clock: Callable[[], datetime]
) -> None:
    """Makes sure that a motion and the names on it are stored. Raises as `fetch` does."""
    with database.read() as session:
        if motions.is_known(session, motion_id):
            return
    fetch(database, client, motion_id, clock=clock)


def fetch(
    database: Database,
    client: httpx2.Client,
    motion_id: int,
    *,
    clock: Callable[[], datetime],
    is_forced: bool = False,
    sleep: Sleep = time.sleep,
) -> MotionSync:
    """Fetches a motion by Parliament's id and stores it, with no transaction open meanwhile.

    Raises NotFound where Parliament does not know the motion, and Unavailable on every other bad
    answer; then nothing changes except that the motion's last sync is recorded as failed.
    `is_forced` reads the motion even if Parliament would say that it has not changed. `sleep` waits
    between retries, and may raise to stop.
    """
    now = clock()
    with database.read() as session:
        validators = NO_VALIDATORS if is_forced else motion_sync.validators_of(session, motion_id)
    try:
        with backoff.request(database, backoff.MOTIONS, clock=clock):
            fetched = motions_api.fetch_if_changed(
                client, motion_id, validators=validators, sleep=sleep
            )
        with database.write() as session:
            if fetched is None:
                return motion_sync.note_unchanged(session, motion_id, now=now)
            return motion_sync.apply_answer(
                session, fetched.answer, validators=fetched.validators, now=now
            )
    except LobbyError as error:
        with database.write() as session:
            motion_sync.note_failure(session, motion_id, error, now=now)
        raise
