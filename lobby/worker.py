"""The loop that delivers and runs what is due. No rules of its own, but the transactions.

No transaction is open while a mail travels: claim, commit, talk, record.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from lobby.models import MessageKind, MessageState, OutboxMessage
from lobby.services import (
    jobs,
    letter_states,
    messages,
    motions,
    official_apis,
    outbox,
    parliament,
    parliament_sessions,
    schedules,
    signature_states,
)
from lobby.services.couriers import TAKEN_OVER, Delivery
from lobby.services.errors import Invalid, LobbyError
from lobby.services.lobby import Lobby
from lobby.services.messages import Dropped
from lobby.services.motions import MotionSync

BATCH = 20
IDLE_SECONDS = 0.5
HOUSEKEEPING_SECONDS = 60.0
FOLLOW_SECONDS = 20.0
PATIENCE_SECONDS = 2.0  # with a request to Parliament that is under way when we stop
log = structlog.get_logger()


def run(lobby: Lobby, stop: threading.Event) -> None:
    """Work until told to stop: mail here, Parliament beside it, so that neither waits."""
    follower = threading.Thread(target=follow, args=(lobby, stop), name="follow", daemon=True)
    follower.start()
    next_housekeeping = 0.0
    while not stop.is_set():
        with _going_on(stop):
            if time.monotonic() >= next_housekeeping:
                next_housekeeping = time.monotonic() + HOUSEKEEPING_SECONDS
                keep_house(lobby)
            if not deliver_due(lobby):
                stop.wait(IDLE_SECONDS)
    follower.join(PATIENCE_SECONDS)


def follow(lobby: Lobby, stop: threading.Event) -> None:
    """Bring campaign motions in line with Parliament whenever that is due, until told to stop."""
    while not stop.is_set():
        with _going_on(stop):
            sync_if_due(lobby, stop)
            stop.wait(FOLLOW_SECONDS)


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
        claimed = outbox.claim(session, now=lobby.clock(), limit=BATCH)
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


def sync_if_due(lobby: Lobby, stop: threading.Event) -> int | None:
    """Bring campaign motions in line with Parliament if that is due, and nobody else does.

    How many motions were asked for; None where it was not our turn.
    """
    with lobby.database.write() as session:
        lease = jobs.lease(session, jobs.MOTIONS, now=lobby.clock())
    if lease is None:
        return None
    asked, error = _sync_followed(lobby, stop)
    now = lobby.clock()
    with lobby.database.write() as session:
        jobs.finish(session, lease, now=now, next_due=schedules.next_sync(now), error=error)
    return asked


def sync_motion(lobby: Lobby, motion_id: int) -> MotionSync:
    """Ask Parliament for one motion and take the answer in. A bad one changes nothing but the
    note that it was bad, and is raised."""
    now = lobby.clock()
    try:
        with lobby.asking(official_apis.MOTIONS):
            answer = parliament.fetch_motion(lobby.motions_api, motion_id)
        with lobby.database.write() as session:
            done = motions.apply_answer(session, answer, now=now)
    except LobbyError as error:
        with lobby.database.write() as session:
            motions.note_failure(session, motion_id, error, now=now)
        raise
    return done


def sync_saved_motion(lobby: Lobby, file: Path) -> MotionSync:
    """Take in an answer that was saved to a file, for those without access to Parliament."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise Invalid("file_unreadable", f"{file.name}: {error.strerror}.") from error
    answer = parliament.read_saved(content, file.name)
    with lobby.database.write() as session:
        return motions.apply_answer(session, answer, now=lobby.clock())


def _sync_followed(lobby: Lobby, stop: threading.Event) -> tuple[int, str | None]:
    """Ask for every motion that is followed, about one a second; what went wrong last."""
    with lobby.database.read() as session:
        wanted = motions.followed_ids(session)
    error = None
    for place, motion_id in enumerate(wanted):
        if place and stop.wait(lobby.pause_seconds):
            return place, "stopped"
        try:
            sync_motion(lobby, motion_id)
        except LobbyError as failed:
            error = failed.message
            log.warning("motion_sync_failed", motion=motion_id, code=failed.code)
            if failed.code.endswith("_limited"):
                return place + 1, error  # over the limit: to go on asking would make it worse
    return len(wanted), error


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
