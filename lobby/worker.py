"""The loop that delivers and runs what is due. No rules of its own, but the transactions.

No transaction is open while a mail travels: claim, commit, talk, record.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from lobby.models import MessageKind, MessageState, OutboxMessage
from lobby.services import (
    jobs,
    letter_states,
    member_sync,
    members_api,
    messages,
    motions,
    official_apis,
    official_http,
    outbox,
    parliament,
    parliament_sessions,
    schedules,
    seat_watches,
    signature_states,
)
from lobby.services.couriers import TAKEN_OVER, Delivery
from lobby.services.errors import Invalid, LobbyError, Unavailable
from lobby.services.jobs import Lease
from lobby.services.lobby import Lobby
from lobby.services.member_sync import MembersSync
from lobby.services.members_api import Progress
from lobby.services.messages import Dropped
from lobby.services.motions import MotionSync
from lobby.services.official_http import Sleep
from lobby.services.parliament import NO_VALIDATORS

BATCH = 20
IDLE_SECONDS = 0.5
HOUSEKEEPING_SECONDS = 60.0
FOLLOW_SECONDS = 20.0
PATIENCE_SECONDS = 2.0  # with requests to Parliament that are under way when we stop
log = structlog.get_logger()


class _Stopped(Exception):
    """We are told to stop, in the middle of a series of requests."""


def run(lobby: Lobby, stop: threading.Event, *, look_every: float = FOLLOW_SECONDS) -> None:
    """Work until told to stop: mail here, motions and members beside it, so that none waits.

    `look_every` is how many seconds lie between two looks at what is due to be asked for.
    """
    beside = [
        threading.Thread(
            target=follow, args=(lobby, stop, sync, look_every), name=name, daemon=True
        )
        for name, sync in (("motions", sync_if_due), ("members", sync_members_if_due))
    ]
    for thread in beside:
        thread.start()
    next_housekeeping = 0.0
    while not stop.is_set():
        with _going_on(stop):
            if time.monotonic() >= next_housekeeping:
                next_housekeeping = time.monotonic() + HOUSEKEEPING_SECONDS
                keep_house(lobby)
            if not deliver_due(lobby):
                stop.wait(IDLE_SECONDS)
    patience_ends = time.monotonic() + PATIENCE_SECONDS
    for thread in beside:
        thread.join(max(0.0, patience_ends - time.monotonic()))


def follow(
    lobby: Lobby,
    stop: threading.Event,
    sync: Callable[[Lobby, threading.Event], object],
    look_every: float,
) -> None:
    """Call `sync`, which knows itself whether it is due, every so many seconds until the end."""
    while not stop.is_set():
        with _going_on(stop):
            sync(lobby, stop)
            stop.wait(look_every)


@contextmanager
def _going_on(stop: threading.Event) -> Iterator[None]:
    """An error is logged, and the work goes on: a loop outlives whatever one round meets."""
    try:
        yield
    except Exception:
        log.exception("worker_round_failed")
        stop.wait(IDLE_SECONDS)


def deliver_due(lobby: Lobby) -> int:
    """Deliver one batch of what is due; how many were attempted."""
    with lobby.database.write() as session:
        claimed = outbox.claim(session, now=lobby.clock(), limit=BATCH, pace=lobby.pace)
    for message in claimed:
        delivery = _attempt(lobby, message)
        if delivery.state is not None:
            _record(lobby, message, delivery.state, delivery.detail)
            log.info("mail", kind=message.kind, state=delivery.state, attempt=message.attempt)
    return len(claimed)


def keep_house(lobby: Lobby) -> None:
    """Settle attempts of workers that died, and end what was never confirmed."""
    now = lobby.clock()
    with lobby.database.write() as session:
        for message in outbox.release_stale(session, now=now):
            uncertain = MessageState.UNCERTAIN
            letter_states.delivered(
                session, message.subject_id, uncertain, detail="no answer", now=now
            )
        signature_states.expire(session, now=now)
        parliament_sessions.lapse_motions(session, now=now)
        seat_watches.tell(session, keyring=lobby.keyring, now=now)


def sync_if_due(lobby: Lobby, stop: threading.Event) -> int | None:
    """Bring campaign motions in line with Parliament if that is due, and nobody else does.

    How many motions were asked for; None where it was not our turn.
    """
    lease = _lease(lobby, jobs.MOTIONS)
    if lease is None:
        return None
    asked, error = _sync_followed(lobby, stop)
    now = lobby.clock()
    with lobby.database.write() as session:
        jobs.finish(session, lease, now=now, next_due=schedules.next_sync(now), error=error)
    return asked


def sync_members_if_due(lobby: Lobby, stop: threading.Event) -> MembersSync | None:
    """Bring members in line with Parliament if that is wanted and due, and nobody else does.

    What changed; None where it was not our turn, or where it failed, which the job remembers.
    """
    if not _members_are_wanted(lobby) or (lease := _lease(lobby, jobs.MEMBERS)) is None:
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
        jobs.finish(session, lease, now=now, next_due=next_due, error=error)
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
    seconds = official_http.pause_between(lobby.members_api)
    with lobby.asking(official_apis.MEMBERS):
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
    """Ask Parliament for one motion and take the answer in. A bad one changes nothing but the
    note that it was bad, and is raised. `again`: read it even if Parliament says that it is the
    same; `sleep` waits before a fault that passes is met by asking again."""
    now = lobby.clock()
    with lobby.database.read() as session:
        known = NO_VALIDATORS if again else motions.validators_of(session, motion_id)
    try:
        with lobby.asking(official_apis.MOTIONS):
            found = parliament.fetch_if_changed(
                lobby.motions_api, motion_id, known=known, sleep=sleep
            )
        with lobby.database.write() as session:
            if found is None:
                return motions.note_unchanged(session, motion_id, now=now)
            return motions.apply_answer(session, found.answer, validators=found.validators, now=now)
    except LobbyError as error:
        with lobby.database.write() as session:
            motions.note_failure(session, motion_id, error, now=now)
        raise


def sync_saved_motion(lobby: Lobby, file: Path) -> MotionSync:
    """Take in an answer that was saved to a file, for those without access to Parliament."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise Invalid("file_unreadable", f"{file.name}: {error.strerror}.") from error
    answer = parliament.read_saved(content, file.name)
    with lobby.database.write() as session:
        return motions.apply_answer(session, answer, now=lobby.clock())


def _lease(lobby: Lobby, name: str) -> Lease | None:
    """The right to run a job that is due. Most looks find none, and write nothing."""
    now = lobby.clock()
    with lobby.database.read() as session:
        if not jobs.is_due(session, name, now=now):
            return None
    with lobby.database.write() as session:
        return jobs.lease(session, name, now=now)


def _members_are_wanted(lobby: Lobby) -> bool:
    if lobby.settings.sync_members == "off":
        return False
    with lobby.database.read() as session:
        return jobs.are_members_wanted(session)


def _sync_followed(lobby: Lobby, stop: threading.Event) -> tuple[int, str | None]:
    """Ask for every motion that is followed, about one a second; what went wrong last."""
    with lobby.database.read() as session:
        wanted = motions.followed_ids(session)
    sleep, error = _sleep_until(stop), None
    for place, motion_id in enumerate(wanted):
        try:
            if place:
                sleep(official_http.pause_between(lobby.motions_api))
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


def _attempt(lobby: Lobby, message: OutboxMessage) -> Delivery:
    with lobby.database.read() as session:
        rendered = messages.render(session, message, lobby.post, now=lobby.clock())
    if isinstance(rendered, Dropped):
        _drop(lobby, message, rendered)
        return TAKEN_OVER
    return lobby.courier.deliver(rendered, lambda: _commit_to_dot(lobby, message))


def _commit_to_dot(lobby: Lobby, message: OutboxMessage) -> bool:
    with lobby.database.write() as session:
        is_letter = message.kind is MessageKind.LETTER
        if is_letter and not letter_states.is_still_wanted(session, message.subject_id):
            now = lobby.clock()
            outbox.finish(session, message, MessageState.DROPPED, now=now, detail="cancelled")
            return False
        return outbox.before_dot(session, message)


def _drop(lobby: Lobby, message: OutboxMessage, dropped: Dropped) -> None:
    now = lobby.clock()
    with lobby.database.write() as session:
        outbox.finish(session, message, MessageState.DROPPED, now=now, detail=dropped.reason)
        if dropped.hold:
            letter_states.hold(
                session, message.subject_id, dropped.reason, keyring=lobby.keyring, now=now
            )
    log.debug("mail", kind=message.kind, state=MessageState.DROPPED, reason=dropped.reason)


def _record(lobby: Lobby, message: OutboxMessage, state: MessageState, detail: str) -> None:
    now = lobby.clock()
    with lobby.database.write() as session:
        ended = outbox.finish(session, message, state, now=now, detail=detail)
        if ended and message.kind is MessageKind.LETTER:
            letter_states.delivered(session, message.subject_id, ended, detail=detail, now=now)
