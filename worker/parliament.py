"""Updates motions and members from Parliament, on a schedule and by command.

No transaction is open during a request to Parliament.
"""

import threading
import time
from pathlib import Path

import structlog

from services.assembly import Lobby
from services.errors import Invalid, LobbyError, Unavailable
from services.parliament import motions
from services.parliament.official import backoff, http, members_api, motions_api
from services.parliament.official.http import Sleep
from services.parliament.official.members_api import Progress
from services.parliament_sync import leases, member_sync, motion_fetch, motion_sync, schedules
from services.parliament_sync.leases import Lease
from services.parliament_sync.member_sync import MembersSync
from services.parliament_sync.motion_sync import MotionSync

log = structlog.get_logger()


class _StopRequested(Exception):
    """Raised by a `sleep` between two requests when the worker is to stop."""


def sync_if_due(lobby: Lobby, stop: threading.Event) -> int | None:
    """Updates the campaigns' motions if that is due and no other worker does it.

    Returns how many motions were requested; None where the job was not due or not free.
    """
    lease = acquire_lease(lobby, leases.MOTIONS)
    if lease is None:
        return None
    requested, error = _sync_followed(lobby, stop)
    now = lobby.clock()
    with lobby.database.write() as session:
        leases.finish(session, lease, now=now, next_due=schedules.next_sync(now), error=error)
    return requested


def sync_members_if_due(lobby: Lobby, stop: threading.Event) -> MembersSync | None:
    """Updates members if that is enabled and due and no other worker does it.

    Returns what changed; None where the job was not due or not free, and where it failed, which is
    recorded with the job.
    """
    if not _should_sync_members(lobby) or (lease := acquire_lease(lobby, leases.MEMBERS)) is None:
        return None
    result, error, next_due = None, None, None
    try:
        result = sync_members(lobby, sleep=_sleep_within(lobby, stop, lease))
        _log_members(result)
    except _StopRequested:
        error, next_due = "stopped", lobby.clock()  # the next worker starts from the beginning
    except LobbyError as failure:
        error = failure.message
        log.warning("members_sync_failed", code=failure.code)
    now = lobby.clock()
    next_due = next_due or schedules.next_members_sync(now)
    with lobby.database.write() as session:
        leases.finish(session, lease, now=now, next_due=next_due, error=error)
    return result


def sync_members(
    lobby: Lobby,
    *,
    biographies: bool = True,
    sleep: Sleep = time.sleep,
    progress: Progress = lambda _done, _total: None,
) -> MembersSync:
    """Fetches every member from Parliament and stores the answers: all of them, or none.

    `sleep` waits between requests, and may raise to stop. `progress` gets the number of requests
    done and the total. Raises Unavailable on every bad answer, and Conflict where the answers
    cannot be right (see `member_sync.apply_answers`).
    """
    seconds = http.pause_between(lobby.members_api)
    with lobby.parliament_request(backoff.MEMBERS):
        answers = members_api.fetch_members(
            lobby.members_api,
            biographies=biographies,
            pause=lambda: sleep(seconds),
            sleep=sleep,
            progress=progress,
        )
    with lobby.database.write() as session:
        return member_sync.apply_answers(session, answers, today=lobby.clock().date())


def sync_motion(
    lobby: Lobby, motion_id: int, *, again: bool = False, sleep: Sleep = time.sleep
) -> MotionSync:
    """Fetches one motion from Parliament and stores it: see `motion_fetch.fetch`.

    `again` reads the motion even if Parliament would say that it has not changed.
    """
    return motion_fetch.fetch(
        lobby.database,
        lobby.motions_api,
        motion_id,
        clock=lobby.clock,
        is_forced=again,
        sleep=sleep,
    )


def sync_saved_motion(lobby: Lobby, file: Path) -> MotionSync:
    """Stores a motion from an answer saved to a file, for use without access to Parliament.

    Raises Invalid where the file cannot be read or is not an answer about a motion.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise Invalid("file_unreadable", f"{file} cannot be read: {error.strerror}.") from error
    answer = motions_api.read_saved_answer(content, str(file))
    with lobby.database.write() as session:
        return motion_sync.apply_answer(session, answer, now=lobby.clock())


def acquire_lease(lobby: Lobby, name: str) -> Lease | None:
    """Reads first, because most calls find nothing due and then need no write transaction."""
    now = lobby.clock()
    with lobby.database.read() as session:
        if not leases.is_due(session, name, now=now):
            return None
    with lobby.database.write() as session:
        return leases.acquire(session, name, now=now)


def _should_sync_members(lobby: Lobby) -> bool:
    if lobby.settings.sync_members == "off":
        return False
    with lobby.database.read() as session:
        return leases.should_sync_members(session)


def _sync_followed(lobby: Lobby, stop: threading.Event) -> tuple[int, str | None]:
    """Updates every followed motion, about one a second.

    Returns how many were requested, and the last error.
    """
    with lobby.database.read() as session:
        motion_ids = motions.followed_ids(session)
    sleep, error = _sleep_until(stop), None
    for count, motion_id in enumerate(motion_ids):
        try:
            if count:
                sleep(http.pause_between(lobby.motions_api))
            sync_motion(lobby, motion_id, sleep=sleep)
        except _StopRequested:
            return count, "stopped"
        except LobbyError as failure:
            error = failure.message
            log.warning("motion_sync_failed", motion=motion_id, code=failure.code)
            if failure.code.endswith("_limited"):
                return count + 1, error  # more requests over the limit would make it worse
    return len(motion_ids), error


def _sleep_until(stop: threading.Event) -> Sleep:
    """Returns a `sleep` that raises `_StopRequested` as soon as `stop` is set."""

    def sleep(seconds: float) -> None:
        if stop.wait(seconds):
            raise _StopRequested

    return sleep


def _sleep_within(lobby: Lobby, stop: threading.Event, lease: Lease) -> Sleep:
    """Returns a `sleep` as `_sleep_until` does, which also raises once the lease has run out.

    Another worker can then hold the lease, and two must not send requests at once.
    """
    sleep_until_stop = _sleep_until(stop)

    def sleep(seconds: float) -> None:
        if lobby.clock() >= lease.until:
            message = "Parliament's Members API took too long to tell of every member."
            raise Unavailable("members_sync_slow", message)
        sleep_until_stop(seconds)

    return sleep


def _log_members(result: MembersSync) -> None:
    log.info("members_synced", filled=result.filled, begun=result.begun, ended=result.ended)
    for seat in result.vacated:
        log.warning("seat_vacant", seat=seat)
    for member in result.unmatched:
        log.warning("seat_unmatched", member=member)
