"""Delivers email: claims messages and commits, talks to the relay, and records the outcome.

No transaction is open while a message is sent. A round claims what is due and delivers it over
several connections at once, each in a thread.
"""

import threading
import time
import traceback
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import structlog
from sqlmodel import Session

from models import MessageKind, MessageState, OutboxMessage
from services.assembly import Lobby
from services.delivery import lookups, rendering, traces
from services.delivery.lookups import NOTHING_PREFETCHED, Prefetched
from services.letters import answers, letter_states
from services.mail import outbox, relays
from services.mail.couriers import TAKEN_OVER, BeforeDot, Delivery, nothing_to_record
from services.mail.mail_builder import Envelope
from services.mail.supporter_mails import DroppedMessage
from services.parliament_sync import sessions
from services.submissions import ending
from services.supporters import seat_watches
from worker.mail_journal import MailJournal

# A round waits for its slowest connection: it is large enough for that not to matter. After some
# seconds it begins nothing more and gives the rest back, so that it ends well within the lease of
# its claims, and so that a campaign that was paused soon sends no letter.
BATCH_OF_A_CONNECTION = 100
ROUND_SECONDS = 10.0
# How many emails are made at once, with shared look-ups, and for how long they can be sent then:
# the member may have signed since.
MADE_AT_ONCE = 100
VALID_SECONDS = 10.0
log = structlog.get_logger()


def deliver_due(lobby: Lobby, *, seconds: float = ROUND_SECONDS) -> int:
    """Delivers a batch of due messages; returns how many it attempted: 0 while the relay rests.

    After so many seconds it begins no more of them.
    """
    connections = lobby.settings.smtp_connections
    with lobby.database.write(is_public=False) as session:
        now, relay = lobby.clock(), lobby.courier.relay
        most = relays.capacity(session, relay, now=now, limit=BATCH_OF_A_CONNECTION * connections)
        claimed = outbox.claim(session, now=now, limit=most, pace=lobby.pace) if most else []
        if claimed and not relays.may_send(session, relay, now=now):
            outbox.give_back(session, claimed, now=now)
            claimed = []
    return _Round(lobby, claimed, seconds).run(connections) if claimed else 0


def clean_up(lobby: Lobby) -> None:
    """Ends attempts of workers that died, and runs what is due from time to time.

    Old refusals are deleted, motions lapse with their session, and emails about filled seats
    and answers to letters are queued.
    """
    now = lobby.clock()
    with lobby.database.write() as session:
        for message in outbox.release_stale(session, now=now):
            uncertain = MessageState.UNCERTAIN
            log.warning("mail", kind=message.kind, **traces.identify(message), state=uncertain)
            letter_states.record_delivery(
                session,
                message.subject_id,
                uncertain,
                detail="no answer",
                keyring=lobby.keyring,
                now=now,
            )
        ending.delete_old_refusals(session, now=now)
        sessions.lapse_motions(session, now=now)
        seat_watches.queue_mails(session, keyring=lobby.keyring, now=now)
        answers.queue_questions(session, keyring=lobby.keyring, now=now)


class _Round:
    """Delivers messages that were claimed together. Each thread takes the next few of them."""

    def __init__(self, lobby: Lobby, claimed: list[OutboxMessage], seconds: float) -> None:
        self._lobby = lobby
        self._ends_at = time.monotonic() + seconds
        self._claimed = len(claimed)
        self._left = deque(claimed)
        self._share = 1
        self._journal = MailJournal(lobby)
        self._lock = threading.Lock()
        self._traces = {message.id: traces.identify(message) for message in claimed}
        self._trouble: list[str] = []  # failures of the relay in a row
        self._has_answered = False

    def run(self, connections: int) -> int:
        """Delivers them; returns how many were attempted before the relay failed too often."""
        threads = min(connections, len(self._left))
        self._share = min(MADE_AT_ONCE, -(-len(self._left) // threads))
        with self._journal.open(), ThreadPoolExecutor(threads, "mail") as pool:
            for future in [pool.submit(self._work) for _ in range(threads)]:
                future.result()
        left, trouble = list(self._left), self._trouble
        self._journal.end_round(left, trouble, has_answered=self._has_answered)
        return self._claimed - len(left)

    def _work(self) -> None:
        while batch := self._next():
            mails, made_at = self._make(batch), time.monotonic()
            for message in batch:
                if self._is_over():
                    self._left.append(message)
                    continue
                is_old = time.monotonic() - made_at > VALID_SECONDS
                delivery = self._attempt(message, self._make([message]) if is_old else mails)
                self._note_trouble(delivery)
                if delivery.state is not None:
                    is_trouble = delivery.is_relay_trouble
                    self._journal.record(
                        message, delivery.state, delivery.detail, is_relay_trouble=is_trouble
                    )
                    self._log(message, delivery)

    def _next(self) -> list[OutboxMessage]:
        with self._lock:
            size = 0 if self._is_over() else min(self._share, len(self._left))
            return [self._left.popleft() for _ in range(size)]

    def _is_over(self) -> bool:
        is_given_up = len(self._trouble) >= relays.MOST_FAILURES
        return is_given_up or time.monotonic() >= self._ends_at

    def _note_trouble(self, delivery: Delivery) -> None:
        with self._lock:
            if delivery.is_relay_trouble:
                self._trouble.append(delivery.detail)
            elif delivery.state is not None:
                self._trouble.clear()
                self._has_answered = True

    def _attempt(
        self, message: OutboxMessage, mails: dict[UUID, Envelope | DroppedMessage]
    ) -> Delivery:
        """An error with one message does not affect the others."""
        rendered = mails.get(message.id)
        if rendered is None:
            return TAKEN_OVER
        if isinstance(rendered, DroppedMessage):
            self._journal.drop(message, rendered)
            write_log = log.warning if rendered.is_trouble else log.info
            trace, reason = self._traces[message.id], rendered.reason
            write_log("mail", kind=message.kind, **trace, state="dropped", reason=reason)
            return TAKEN_OVER
        try:
            return self._lobby.courier.deliver(rendered, self._before_dot(message))
        except Exception as error:
            # The outcome is unknown: it is settled when the lease ends.
            _log_failure("mail_delivery_failed", message, error)
            return TAKEN_OVER

    def _make(self, batch: list[OutboxMessage]) -> dict[UUID, Envelope | DroppedMessage]:
        """Makes emails by message id.

        A message that causes an unexpected error is deferred and left out.
        """
        lobby, mails = self._lobby, {}
        with lobby.database.read() as session:
            prefetched = self._prefetch(session, batch)
            for message in batch:
                try:
                    mails[message.id] = rendering.render(
                        session,
                        message,
                        lobby.mail_context,
                        now=lobby.clock(),
                        prefetched=prefetched,
                    )
                except Exception as error:
                    session.rollback()
                    _log_failure("mail_rendering_failed", message, error)
                    self._journal.defer_unsent(message, f"cannot be made: {type(error).__name__}")
        return mails

    def _prefetch(self, session: Session, batch: list[OutboxMessage]) -> Prefetched:
        try:
            self._traces |= traces.trace(session, batch)
            keyring, now = self._lobby.keyring, self._lobby.clock()
            return lookups.prefetch(session, batch, keyring=keyring, now=now)
        except Exception:  # the message that causes it meets the same error when it is made
            session.rollback()
            return NOTHING_PREFETCHED

    def _log(self, message: OutboxMessage, delivery: Delivery) -> None:
        log.info(
            "mail",
            kind=message.kind,
            **self._traces[message.id],
            state=delivery.state,
            attempt=message.attempt,
            queued_at=message.created_at.isoformat(),
            relay_trouble=delivery.is_relay_trouble,
        )

    def _before_dot(self, message: OutboxMessage) -> BeforeDot:
        if message.kind is MessageKind.LETTER:
            return lambda: self._journal.commit_to_dot(message)
        return nothing_to_record


def _log_failure(event: str, message: OutboxMessage, error: Exception) -> None:
    """Logs where an error happened, but not its text, which may contain personal data."""
    place = traceback.extract_tb(error.__traceback__)[-1:]
    log.error(
        event,
        kind=message.kind,
        **traces.identify(message),
        attempt=message.attempt,
        error=type(error).__name__,
        place=[f"{Path(frame.filename).name}:{frame.lineno}" for frame in place],
    )
