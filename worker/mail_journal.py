"""What several threads write down about their messages, in as few transactions as can be.

One thread writes, as long as a round lasts; what comes in while it commits goes into the next one.
So the wait for the disk is shared by all connections, and how a letter ended is on disk a moment
after it was known, not only when the next one needs a commit: a worker that is killed leaves few
letters of which nobody knows. Of mails that may be repeated some more are left to gather first.
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

# How long mails that were accepted wait for more of them, in seconds: where many go, a commit for a
# few would cost more than to make and send them. A worker that is killed repeats those.
GATHERING = 0.01
log = structlog.get_logger()


@dataclass(slots=True)
class _Entry:
    """Something to write down, and what came of it."""

    write: Callable[[Session], bool]
    done: threading.Event = field(default_factory=threading.Event)
    result: bool = False
    error: Exception | None = None


class MailJournal:
    """Of one round of deliveries."""

    def __init__(self, lobby: Lobby) -> None:
        self._lobby = lobby
        self._changed = threading.Condition()
        self._waiting: list[_Entry] = []
        self._taken: list[tuple[OutboxMessage, str]] = []
        self._is_ending = False

    @contextmanager
    def open(self) -> Iterator[None]:
        """While this lasts, entries are written; at its end all of them are."""
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
        """On disk when this returns; False where the message is another's by now, or not wanted."""
        entry = self._add(lambda session: self._write_dot(session, message))
        entry.done.wait()
        if entry.error is not None:
            raise entry.error
        return entry.result

    def note(self, message: OutboxMessage, state: MessageState, detail: str) -> None:
        """How an attempt ended; on disk with the next commit."""
        if state is MessageState.ACCEPTED and message.kind is not MessageKind.LETTER:
            self._add_taken(message, detail)
            return
        self._add(lambda session: self._write_end(session, message, state, detail))

    def defer_unsent(self, message: OutboxMessage, detail: str) -> None:
        """An attempt that ended before anything was handed over; on disk with the next commit."""
        held = outbox.BEFORE_THE_DOT
        state = MessageState.DEFERRED
        self._add(lambda session: self._write_end(session, message, state, detail, held=held))

    def drop(self, message: OutboxMessage, dropped: DroppedMessage) -> None:
        """A message without a purpose; on disk with the next commit."""
        self._add(lambda session: self._write_drop(session, message, dropped))

    def end_round(
        self, left: list[OutboxMessage], trouble: list[str], *, has_answered: bool
    ) -> None:
        """Give back what was not attempted, and remember how the relay did, if it was asked."""
        relay, now = self._lobby.courier.relay, self._lobby.clock()
        with self._lobby.database.write(is_public=False) as session:
            outbox.give_back(session, left, now=now)
            if trouble:
                relays.note_trouble(session, relay, trouble, now=now)
            elif has_answered:
                relays.note_answered(session, relay, now=now)

    def _add(self, write: Callable[[Session], bool]) -> _Entry:
        entry = _Entry(write)
        with self._changed:
            self._waiting.append(entry)
            self._changed.notify()
        return entry

    def _add_taken(self, message: OutboxMessage, detail: str) -> None:
        with self._changed:
            self._taken.append((message, detail))
            if len(self._taken) == 1:
                self._changed.notify()

    def _run(self) -> None:
        while found := self._next():
            self._write(*found)

    def _next(self) -> tuple[list[_Entry], list[tuple[OutboxMessage, str]]] | None:
        """What waits; nothing only at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._taken or self._is_urgent())
            self._changed.wait_for(self._is_urgent, timeout=GATHERING)
            entries, self._waiting = self._waiting, []
            taken, self._taken = self._taken, []
            return (entries, taken) if entries or taken else None

    def _is_urgent(self) -> bool:
        return bool(self._waiting) or self._is_ending

    def _write(self, entries: list[_Entry], taken: list[tuple[OutboxMessage, str]]) -> None:
        """In one transaction; where that fails, one by one, so that a bad one fails alone."""
        try:
            # That a mail to a supporter was taken is nothing that the public can read.
            with self._lobby.database.write(is_public=bool(entries)) as session:
                outbox.accept_many(session, taken, now=self._lobby.clock())
                results = [entry.write(session) for entry in entries]
        except Exception as error:
            if len(entries) + len(taken) > 1:
                for entry in entries:
                    self._write([entry], [])
                for each in taken:
                    self._write([], [each])
                return
            # The end of the message's lease settles what could not be written down.
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
        held: tuple[MessageState, ...] = outbox.NOT_ENDED,
    ) -> bool:
        now, keyring = self._lobby.clock(), self._lobby.keyring
        ended = outbox.finish(session, message, state, now=now, detail=detail, held=held)
        if ended and message.kind is MessageKind.LETTER:
            letter_states.delivered(
                session, message.subject_id, ended, detail=detail, keyring=keyring, now=now
            )
        if ended is MessageState.REJECTED:
            dead_addresses.note_refused(session, message, detail, keyring=keyring, now=now)
        return ended is not None

    def _write_drop(
        self, session: Session, message: OutboxMessage, dropped: DroppedMessage
    ) -> bool:
        now = self._lobby.clock()
        outbox.finish(session, message, MessageState.DROPPED, now=now, detail=dropped.reason)
        if dropped.hold:
            letter_id, keyring = message.subject_id, self._lobby.keyring
            letter_states.hold(session, letter_id, dropped.reason, keyring=keyring, now=now)
        return True
