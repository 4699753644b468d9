"""Records the outcomes of a round's messages, grouping those of several threads into transactions.

One thread writes as long as a round lasts. What is added during a commit is part of the next one,
so that all connections share the wait for the disk. An outcome is written at once, and not only
when the next letter needs a commit, so that a killed worker leaves few uncertain letters. Outcomes
of emails that may be repeated are collected for a moment first.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog
from sqlmodel import Session

from models import MessageKind, MessageState, OutboxMessage
from services.assembly import Lobby
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


class MailJournal:
    """Writes the outcomes of one round of deliveries. It can be used by several threads."""

    def __init__(self, lobby: Lobby) -> None:
        self._lobby = lobby
        self._changed = threading.Condition()
        self._waiting: list[_Entry] = []
        self._accepted: list[tuple[OutboxMessage, str]] = []
        self._is_ending = False

    @contextmanager
    def open(self) -> Iterator[None]:
        """Writes entries while the block runs; at its end all of them are written."""
        thread = threading.Thread(target=self._run, name="mail-journal")
        thread.start()
        try:
            yield
        finally:
            with self._changed:
                self._is_ending = True
                self._changed.notify()
            thread.join()

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

    def record(self, message: OutboxMessage, state: MessageState, detail: str) -> None:
        """Records how an attempt ended, with the next commit."""
        if state is MessageState.ACCEPTED and message.kind is not MessageKind.LETTER:
            self._add_accepted(message, detail)
            return
        self._add(lambda session: self._write_end(session, message, state, detail))

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
        with self._changed:
            self._waiting.append(entry)
            self._changed.notify()
        return entry

    def _add_accepted(self, message: OutboxMessage, detail: str) -> None:
        with self._changed:
            self._accepted.append((message, detail))
            if len(self._accepted) == 1:
                self._changed.notify()

    def _run(self) -> None:
        while batch := self._next():
            self._write(*batch)

    def _next(self) -> tuple[list[_Entry], list[tuple[OutboxMessage, str]]] | None:
        """Waits for entries; None at the end of the round."""
        with self._changed:
            self._changed.wait_for(lambda: self._accepted or self._is_urgent())
            self._changed.wait_for(self._is_urgent, timeout=COLLECT_SECONDS)
            entries, self._waiting = self._waiting, []
            accepted, self._accepted = self._accepted, []
            return (entries, accepted) if entries or accepted else None

    def _is_urgent(self) -> bool:
        return bool(self._waiting) or self._is_ending

    def _write(self, entries: list[_Entry], accepted: list[tuple[OutboxMessage, str]]) -> None:
        """Writes one transaction. If it fails, it tries each entry alone: only bad ones fail."""
        try:
            # That an email to a supporter was accepted changes nothing on public pages.
            with self._lobby.database.write(is_public=bool(entries)) as session:
                outbox.accept_many(session, accepted, now=self._lobby.clock())
                results = [entry.write(session) for entry in entries]
        except Exception as error:
            if len(entries) + len(accepted) > 1:
                for entry in entries:
                    self._write([entry], [])
                for pair in accepted:
                    self._write([], [pair])
                return
            # What could not be written is settled when the message's lease ends.
            log.error("mail_not_written_down", error=type(error).__name__)
            for entry in entries:
                entry.error = error
            results = [False] * len(entries)
        for entry, result in zip(entries, results, strict=True):
            entry.result = result
            entry.done.set()

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
    ) -> bool:
        now, keyring = self._lobby.clock(), self._lobby.keyring
        new_state = outbox.finish(
            session, message, state, now=now, detail=detail, expected=expected
        )
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
