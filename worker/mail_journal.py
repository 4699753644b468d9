"""Records the outcomes of a round's messages, grouping those of several threads into transactions.

One thread writes as long as a round lasts (`BatchWriter`). An outcome is written at once, and not
only when the next letter needs a commit, so that a killed worker leaves few uncertain letters.
Outcomes of emails that may be repeated are collected for a moment first.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog
from sqlmodel import Session

from models import MessageKind, MessageState, OutboxMessage
from services.assembly import Lobby
from services.database.batch_writer import BatchWriter
from services.delivery import traces
from services.letters import letter_states
from services.mail import dead_addresses, outbox, relays
from services.mail.supporter_mails import DroppedMessage

# How long accepted emails to supporters wait for more of them, in seconds. A commit for a few would
# cost more than to make and send them. A killed worker repeats them.
COLLECT_SECONDS = 0.01
log = structlog.get_logger()


@dataclass(slots=True)
class _Entry:
    """Something to write, and its result. `done` is set after the commit, or after an error."""

    write: Callable[[Session], bool]
    done: threading.Event = field(default_factory=threading.Event)
    result: bool = False
    error: Exception | None = None


class _Accepted(NamedTuple):
    """An email to a supporter that was accepted, with what the server said."""

    message: OutboxMessage
    detail: str


class MailJournal:
    """Writes the outcomes of one round of deliveries. It can be used by several threads."""

    def __init__(self, lobby: Lobby) -> None:
        self._lobby = lobby
        self._writer: BatchWriter[_Entry | _Accepted] = BatchWriter(
            self._write, self._note_error, name="mail-journal", patience=COLLECT_SECONDS
        )

    @contextmanager
    def open(self) -> Iterator[None]:
        """Writes entries while the block runs; at its end all of them are written."""
        self._writer.start()
        try:
            yield
        finally:
            self._writer.stop()

    def commit_to_dot(self, message: OutboxMessage) -> bool:
        """Records before the final dot of a letter that it is about to be sent.

        It is on disk when this returns. False if another attempt has the message now, or if the
        letter was cancelled. Raises if it could not be written.
        """
        entry = self._add(lambda session: self._write_dot(session, message))
        entry.done.wait()
        if entry.error is not None:
            raise entry.error
        return entry.result

    def record(
        self,
        message: OutboxMessage,
        state: MessageState,
        detail: str,
        *,
        is_relay_trouble: bool = False,
    ) -> None:
        """Records how an attempt ended, with the next commit."""
        if state is MessageState.ACCEPTED and message.kind is not MessageKind.LETTER:
            self._writer.add(_Accepted(message, detail), is_urgent=False)
            return
        self._add(
            lambda session: self._write_end(
                session, message, state, detail, is_relay_trouble=is_relay_trouble
            )
        )

    def defer_unsent(self, message: OutboxMessage, detail: str) -> None:
        """Records that a message could not be made and waits, with the next commit."""
        expected = outbox.BEFORE_THE_DOT
        state = MessageState.DEFERRED
        self._add(
            lambda session: self._write_end(session, message, state, detail, expected=expected)
        )

    def drop(self, message: OutboxMessage, dropped: DroppedMessage) -> None:
        """Records that a message is not sent, and holds its letter, with the next commit."""
        self._add(lambda session: self._write_drop(session, message, dropped))

    def end_round(
        self, left: list[OutboxMessage], trouble: list[str], *, has_answered: bool
    ) -> None:
        """Queues again what was not attempted, and records whether the relay worked."""
        relay, now = self._lobby.courier.relay, self._lobby.clock()
        with self._lobby.database.write(is_public=False) as session:
            outbox.give_back(session, left, now=now)
            if trouble:
                relays.note_trouble(session, relay, trouble, now=now)
            elif has_answered:
                relays.note_success(session, relay, now=now)

    def _add(self, write: Callable[[Session], bool]) -> _Entry:
        entry = _Entry(write)
        self._writer.add(entry)
        return entry

    def _write(self, batch: Sequence[_Entry | _Accepted]) -> None:
        """Writes one transaction."""
        accepted = [item for item in batch if isinstance(item, _Accepted)]
        entries = [item for item in batch if isinstance(item, _Entry)]
        # That an email to a supporter was accepted changes nothing on public pages.
        with self._lobby.database.write(is_public=bool(entries)) as session:
            outbox.accept_many(session, accepted, now=self._lobby.clock())
            results = [entry.write(session) for entry in entries]
        for entry, result in zip(entries, results, strict=True):
            entry.result = result
            entry.done.set()

    def _note_error(self, batch: Sequence[_Entry | _Accepted], error: Exception) -> None:
        """What could not be written is settled when the message's lease ends."""
        log.error("mail_not_written_down", error=type(error).__name__)
        for item in batch:
            if isinstance(item, _Entry):
                item.error = error
                item.done.set()

    def _write_dot(self, session: Session, message: OutboxMessage) -> bool:
        if letter_states.is_still_wanted(session, message.subject_id):
            return outbox.before_dot(session, message)
        now = self._lobby.clock()
        outbox.finish(session, message, MessageState.DROPPED, now=now, detail="cancelled")
        return False

    def _write_end(
        self,
        session: Session,
        message: OutboxMessage,
        state: MessageState,
        detail: str,
        *,
        expected: tuple[MessageState, ...] = outbox.NOT_ENDED,
        is_relay_trouble: bool = False,
    ) -> bool:
        now, keyring = self._lobby.clock(), self._lobby.keyring
        new_state = outbox.finish(
            session,
            message,
            state,
            now=now,
            detail=detail,
            expected=expected,
            is_relay_trouble=is_relay_trouble,
        )
        if new_state is MessageState.REJECTED and state is not new_state:
            log.warning("mail_given_up", kind=message.kind, **traces.identify(message))
        if new_state and message.kind is MessageKind.LETTER:
            letter_states.record_delivery(
                session, message.subject_id, new_state, detail=detail, keyring=keyring, now=now
            )
        if new_state is MessageState.REJECTED:
            dead_addresses.note_refused(session, message, detail, keyring=keyring, now=now)
        return new_state is not None

    def _write_drop(
        self, session: Session, message: OutboxMessage, dropped: DroppedMessage
    ) -> bool:
        now = self._lobby.clock()
        outbox.finish(session, message, MessageState.DROPPED, now=now, detail=dropped.reason)
        if dropped.hold:
            letter_id, keyring = message.subject_id, self._lobby.keyring
            letter_states.hold(session, letter_id, dropped.reason, keyring=keyring, now=now)
        return True
