"""The loop that delivers and runs what is due. No rules of its own, but the transactions.

No transaction is open while a mail travels: claim, commit, talk, record.
"""

import threading
import time

import structlog

from lobby.models import MessageKind, MessageState, OutboxMessage
from lobby.services import letter_states, messages, outbox, signature_states
from lobby.services.couriers import TAKEN_OVER, Delivery
from lobby.services.lobby import Lobby
from lobby.services.messages import Dropped

BATCH = 20
IDLE_SECONDS = 0.5
HOUSEKEEPING_SECONDS = 60.0
log = structlog.get_logger()


def run(lobby: Lobby, stop: threading.Event) -> None:
    """Work until told to stop. An error is logged, and the work goes on."""
    next_housekeeping = 0.0
    while not stop.is_set():
        try:
            if time.monotonic() >= next_housekeeping:
                next_housekeeping = time.monotonic() + HOUSEKEEPING_SECONDS
                keep_house(lobby)
            if not deliver_due(lobby):
                stop.wait(IDLE_SECONDS)
        except Exception:  # the loop outlives whatever one round meets
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
