"""Bringing motions and members in line with Parliament: on a schedule, and by command.

No transaction is open while Parliament is asked.
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


class _Stopped(Exception):
    """We are told to stop, in the middle of a series of requests."""


def sync_if_due(lobby: Lobby, stop: threading.Event) -> int | None:
    """Bring campaign motions in line with Parliament if that is due, and nobody else does.

    How many motions were asked for; None where it was not our turn.
    """
    lease = _lease(lobby, leases.MOTIONS)
    if lease is None:
        return None
    asked, error = _sync_followed(lobby, stop)
    now = lobby.clock()
    with lobby.database.write() as session:
        leases.finish(session, lease, now=now, next_due=schedules.next_sync(now), error=error)
    return asked


def sync_members_if_due(lobby: Lobby, stop: threading.Event) -> MembersSync | None:
    """Bring members in line with Parliament if that is wanted and due, and nobody else does.

    What changed; None where it was not our turn, or where it failed, which the job remembers.
    """
    if not _members_are_wanted(lobby) or (lease := _lease(lobby, leases.MEMBERS)) is None:
        return None
    done, error, next_due = None, None, None
    try:
        done = sync_members(lobby, sleep=_sleep_within(lobby, stop, lease))
        _log_members(done)
    except _Stopped:
        error, next_due = "stopped", lobby.clock()  # all of it again, by the next to look
    except LobbyError as failed:
        error = failed.message
        log.warning("members_sync_failed", code=failed.code)
    now = lobby.clock()
    next_due = next_due or schedules.next_members_sync(now)
    with lobby.database.write() as session:
        leases.finish(session, lease, now=now, next_due=next_due, error=error)
    return done


def sync_members(
    lobby: Lobby,
    *,
    biographies: bool = True,
    sleep: Sleep = time.sleep,
    progress: Progress = lambda _done, _total: None,
) -> MembersSync:
    """Ask Parliament for every member and take the answers in: all of them, or none and an error.

    `sleep` waits between requests, and may raise to end it.
    """
    seconds = http.pause_between(lobby.members_api)
    with lobby.asking(backoff.MEMBERS):
        found = members_api.fetch_members(
            lobby.members_api,
            biographies=biographies,
            pause=lambda: sleep(seconds),
            sleep=sleep,
            progress=progress,
        )
    with lobby.database.write() as session:
        return member_sync.apply_answers(session, found, today=lobby.clock().date())


def sync_motion(
    lobby: Lobby, motion_id: int, *, again: bool = False, sleep: Sleep = time.sleep
) -> MotionSync:
    """Fetches one motion from Parliament and stores it: see `motion_fetch.fetch`."""
    return motion_fetch.fetch(
        lobby.database,
        lobby.motions_api,
        motion_id,
        clock=lobby.clock,
        is_forced=again,
        sleep=sleep,
    )


def sync_saved_motion(lobby: Lobby, file: Path) -> MotionSync:
    """Take in an answer that was saved to a file, for those without access to Parliament."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise Invalid("file_unreadable", f"{file.name}: {error.strerror}.") from error
    answer = motions_api.read_saved(content, file.name)
    with lobby.database.write() as session:
        return motion_sync.apply_answer(session, answer, now=lobby.clock())


def _lease(lobby: Lobby, name: str) -> Lease | None:
    """The right to run a job that is due. Most looks find none, and write nothing."""
    now = lobby.clock()
    with lobby.database.read() as session:
        if not leases.is_due(session, name, now=now):
            return None
    with lobby.database.write() as session:
        return leases.lease(session, name, now=now)


def _members_are_wanted(lobby: Lobby) -> bool:
    if lobby.settings.sync_members == "off":
        return False
    with lobby.database.read() as session:
        return leases.are_members_wanted(session)


def _sync_followed(lobby: Lobby, stop: threading.Event) -> tuple[int, str | None]:
    """Ask for every motion that is followed, about one a second; what went wrong last."""
    with lobby.database.read() as session:
        wanted = motions.followed_ids(session)
    sleep, error = _sleep_until(stop), None
    for place, motion_id in enumerate(wanted):
        try:
            if place:
                sleep(http.pause_between(lobby.motions_api))
            sync_motion(lobby, motion_id, sleep=sleep)
        except _Stopped:
            return place, "stopped"
        except LobbyError as failed:
            error = failed.message
            log.warning("motion_sync_failed", motion=motion_id, code=failed.code)
            if failed.code.endswith("_limited"):
                return place + 1, error  # over the limit: to go on asking would make it worse
    return len(wanted), error


def _sleep_until(stop: threading.Event) -> Sleep:
    """Waits, and raises as soon as we are told to stop."""

    def sleep(seconds: float) -> None:
        if stop.wait(seconds):
            raise _Stopped

    return sleep


def _sleep_within(lobby: Lobby, stop: threading.Event, lease: Lease) -> Sleep:
    """As `_sleep_until`, and raises once another could hold the lease: two must not ask at once."""
    sleep_until_stop = _sleep_until(stop)

    def sleep(seconds: float) -> None:
        if lobby.clock() >= lease.until:
            message = "Parliament's Members API took too long to tell of every member."
            raise Unavailable("members_sync_slow", message)
        sleep_until_stop(seconds)

    return sleep


def _log_members(done: MembersSync) -> None:
    log.info("members_synced", filled=done.filled, begun=done.begun, ended=done.ended)
    for seat in done.vacated:
        log.warning("seat_vacant", seat=seat)
    for member in done.unmatched:
        log.warning("seat_unmatched", member=member)
