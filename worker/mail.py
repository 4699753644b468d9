"""Delivering mail: claim, commit, talk, record. No transaction is open while a mail travels.

A round takes what is due and hands it over on several connections at once, each in a thread.
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
from services.delivery import lookups, rendering
from services.delivery.lookups import NOTHING_PREFETCHED, Prefetched
from services.letters import answers, letter_states
from services.mail import outbox, relays
from services.mail.couriers import TAKEN_OVER, BeforeDot, Delivery
from services.mail.mail_builder import Envelope
from services.mail.supporter_mails import DroppedMessage
from services.parliament_sync import sessions
from services.signatures import signature_states
from services.supporters import seat_watches
from worker.mail_journal import MailJournal

# A round waits for its slowest connection: long enough for that not to matter, and short enough
# to end well within a claim's lease.
BATCH_OF_A_CONNECTION = 25
# Made together, for whom things are looked up once; and how long what was made is good for: the
# member may have signed since.
TOGETHER = 25
LONGEST_KEPT = 10.0  # seconds
log = structlog.get_logger()


def deliver_due(lobby: Lobby) -> int:
    """Deliver one batch of what is due; how many were attempted. None while the relay rests."""
    connections = lobby.settings.smtp_connections
    with lobby.database.write(is_public=False) as session:
        now, relay = lobby.clock(), lobby.courier.relay
        most = relays.room(session, relay, now=now, limit=BATCH_OF_A_CONNECTION * connections)
        claimed = outbox.claim(session, now=now, limit=most, pace=lobby.pace) if most else []
        if claimed and not relays.may_go(session, relay, now=now):
            outbox.give_back(session, claimed, now=now)
            claimed = []
    return _Round(lobby, claimed).run(connections) if claimed else 0


def clean_up(lobby: Lobby) -> None:
    """Settle attempts of workers that died, and end what was never confirmed."""
    now = lobby.clock()
    with lobby.database.write() as session:
        for message in outbox.release_stale(session, now=now):
            uncertain = MessageState.UNCERTAIN
            letter_states.delivered(
                session,
                message.subject_id,
                uncertain,
                detail="no answer",
                keyring=lobby.keyring,
                now=now,
            )
        signature_states.expire(session, now=now)
        sessions.lapse_motions(session, now=now)
        seat_watches.tell(session, keyring=lobby.keyring, now=now)
        answers.ask(session, keyring=lobby.keyring, now=now)


class _Round:
    """Messages that were claimed together. Each thread takes the next few that are left."""

    def __init__(self, lobby: Lobby, claimed: list[OutboxMessage]) -> None:
        self._lobby = lobby
        self._claimed = len(claimed)
        self._left = deque(claimed)
        self._share = 1
        self._ledger = MailJournal(lobby)
        self._lock = threading.Lock()
        self._trouble: list[str] = []  # with the relay, in a row
        self._has_answered = False

    def run(self, connections: int) -> int:
        """Deliver them; how many were attempted before the relay gave too much trouble."""
        threads = min(connections, len(self._left))
        self._share = min(TOGETHER, -(-len(self._left) // threads))
        with self._ledger.open(), ThreadPoolExecutor(threads, "post") as pool:
            for done in [pool.submit(self._work) for _ in range(threads)]:
                done.result()
        left, trouble = list(self._left), self._trouble
        self._ledger.end_round(left, trouble, has_answered=self._has_answered)
        return self._claimed - len(left)

    def _work(self) -> None:
        while few := self._next():
            made, made_at = self._make(few), time.monotonic()
            for message in few:
                if self._is_given_up():
                    self._left.append(message)
                    continue
                is_old = time.monotonic() - made_at > LONGEST_KEPT
                delivery = self._attempt(message, self._make([message]) if is_old else made)
                self._note_trouble(delivery)
                if delivery.state is not None:
                    self._ledger.note(message, delivery.state, delivery.detail)
                    state, attempt = delivery.state, message.attempt
                    log.info("mail", kind=message.kind, state=state, attempt=attempt)

    def _next(self) -> list[OutboxMessage]:
        with self._lock:
            size = 0 if self._is_given_up() else min(self._share, len(self._left))
            return [self._left.popleft() for _ in range(size)]

    def _is_given_up(self) -> bool:
        return len(self._trouble) >= relays.MOST_FAILURES

    def _note_trouble(self, delivery: Delivery) -> None:
        with self._lock:
            if delivery.is_relay_trouble:
                self._trouble.append(delivery.detail)
            elif delivery.state is not None:
                self._trouble.clear()
                self._has_answered = True

    def _attempt(
        self, message: OutboxMessage, made: dict[UUID, Envelope | DroppedMessage]
    ) -> Delivery:
        """Whatever goes wrong with one message goes wrong with it alone."""
        rendered = made.get(message.id)
        if rendered is None:
            return TAKEN_OVER
        if isinstance(rendered, DroppedMessage):
            self._ledger.drop(message, rendered)
            tell = log.warning if rendered.is_trouble else log.debug
            tell("mail", kind=message.kind, reason=rendered.reason)
            return TAKEN_OVER
        try:
            return self._lobby.courier.deliver(rendered, self._before_dot(message))
        except Exception as error:
            # Nobody knows how far it came: the end of its lease settles it.
            _log_failure("mail_delivery_failed", message, error)
            return TAKEN_OVER

    def _make(self, few: list[OutboxMessage]) -> dict[UUID, Envelope | DroppedMessage]:
        """By id. Those are missing that wait for another attempt, since they met what nobody
        foresaw."""
        lobby, made = self._lobby, {}
        with lobby.database.read() as session:
            prefetched = self._prefetch(session, few)
            for message in few:
                try:
                    made[message.id] = rendering.render(
                        session,
                        message,
                        lobby.mail_context,
                        now=lobby.clock(),
                        prefetched=prefetched,
                    )
                except Exception as error:
                    session.rollback()
                    _log_failure("mail_rendering_failed", message, error)
                    self._ledger.defer_unsent(message, f"cannot be made: {type(error).__name__}")
        return made

    def _prefetch(self, session: Session, few: list[OutboxMessage]) -> Prefetched:
        try:
            keyring, now = self._lobby.keyring, self._lobby.clock()
            return lookups.prefetch(session, few, keyring=keyring, now=now)
        except Exception:  # the one that it is about meets it again, alone
            session.rollback()
            return NOTHING_PREFETCHED

    def _before_dot(self, message: OutboxMessage) -> BeforeDot:
        if message.kind is MessageKind.LETTER:
            return lambda: self._ledger.commit_to_dot(message)
        return lambda: True  # it may be repeated, so that there is nothing to commit to


def _log_failure(event: str, message: OutboxMessage, error: Exception) -> None:
    """Where it happened. Never what the error says, which could be somebody's name or words."""
    place = traceback.extract_tb(error.__traceback__)[-1:]
    log.error(
        event,
        kind=message.kind,
        message=str(message.id),
        attempt=message.attempt,
        error=type(error).__name__,
        place=[f"{Path(frame.filename).name}:{frame.lineno}" for frame in place],
    )
