"""Records the outcomes of a round's messages, grouping those of several threads into transactions.

One thread writes as long as a round lasts (`BatchWriter`). Outcomes are collected for a moment, and
so are dots while other connections may ask for theirs. An outcome is written with the next dot at
the latest, so that a killed worker leaves few uncertain letters.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

import structlog
from sqlmodel import Session

from models import LetterState, MessageKind, MessageState, OutboxMessage
from services.assembly import Lobby
from services.database.batch_writer import BatchWriter
from services.delivery import traces
from services.letters import letter_states
from services.letters.letter_states import Locked
from services.mail import dead_addresses, outbox, relays
from services.mail.outbox import Held
from services.mail.supporter_mails import DroppedMessage

# How long entries wait for more of them, in seconds: a commit for a few would cost more than to
# make and send them. A killed worker repeats emails to supporters. Of letters, it leaves one of
# each connection uncertain, because that connection's next dot comes with the outcome of the last.
COLLECT_SECONDS = 0.01
COLLECT_DOTS_SECONDS = 0.002
log = structlog.get_logger()


@dataclass(slots=True)
class _Dot:
    """A letter that waits for its final dot. `done` is set after the commit, or after an error."""

    message: OutboxMessage
    done: threading.Event = field(default_factory=threading.Event)
    is_allowed: bool = False
    error: Exception | None = None


class _Accepted(NamedTuple):
    """A message that was accepted, with what the server said."""

    message: OutboxMessage
    detail: str


_Letters = Mapping[UUID, Locked]
_Entry = _Dot | _Accepted | Callable[[Session], None]
"""Something to write. What many letters and emails have in common is written for all at once."""


class MailJournal:
    """Writes the outcomes of one round of deliveries. It can be used by several threads."""

    def __init__(self, lobby: Lobby) -> None:
        self._lobby = lobby
        self._dots = 0  # how many wait
        self._lock = threading.Lock()
        self._writer: BatchWriter[_Entry] = BatchWriter(
            self._write, self._note_error, name="mail-journal"
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
        dot = _Dot(message)
        with self._lock:
            self._dots += 1
            # Then there is no connection left to wait for.
            is_last = self._dots >= self._lobby.settings.smtp_connections
        self._writer.add(dot, patience=0 if is_last else COLLECT_DOTS_SECONDS)
        dot.done.wait()
        with self._lock:
            self._dots -= 1
        if dot.error is not None:
            raise dot.error
        return dot.is_allowed

    def record(
        self,
        message: OutboxMessage,
        state: MessageState,
        detail: str,
        *,
        is_relay_trouble: bool = False,
    ) -> None:
        """Records how an attempt ended, with the next commit."""
        if state is MessageState.ACCEPTED:
            self._writer.add(_Accepted(message, detail), patience=COLLECT_SECONDS)
            return
        self._writer.add(
            lambda session: self._write_end(
                session, message, state, detail, is_relay_trouble=is_relay_trouble
            )
        )

    def defer_unsent(self, message: OutboxMessage, detail: str) -> None:
        """Records that a message could not be made and waits, with the next commit."""
        expected = outbox.BEFORE_THE_DOT
        state = MessageState.DEFERRED
        self._writer.add(
            lambda session: self._write_end(session, message, state, detail, expected=expected)
        )

    def drop(self, message: OutboxMessage, dropped: DroppedMessage) -> None:
        """Records that a message is not sent, and holds its letter, with the next commit."""
        self._writer.add(lambda session: self._write_drop(session, message, dropped))

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

    def _write(self, batch: Sequence[_Entry]) -> None:
        """Writes one transaction."""
        dots = [entry for entry in batch if isinstance(entry, _Dot)]
        accepted = [entry for entry in batch if isinstance(entry, _Accepted)]
        letters = [each for each in accepted if each.message.kind is MessageKind.LETTER]
        emails = [each for each in accepted if each.message.kind is not MessageKind.LETTER]
        # That an email to a supporter was accepted changes nothing on public pages.
        with self._lobby.database.write(is_public=len(emails) < len(batch)) as session:
            outbox.accept_many(session, emails, now=self._lobby.clock())
            sending = [each.message for each in letters] + [dot.message for dot in dots]
            held = outbox.held(session, sending)
            locked = letter_states.lock(session, {message.subject_id for message in sending})
            self._write_sent(session, letters, held, locked)
            for entry in batch:
                if not isinstance(entry, _Dot | _Accepted):
                    entry(session)
            allowed = self._write_dots(session, [dot.message for dot in dots], held, locked)
        for dot in dots:
            dot.is_allowed = dot.message.id in allowed
            dot.done.set()

    def _note_error(self, batch: Sequence[_Entry], error: Exception) -> None:
        """What could not be written is settled when the message's lease ends."""
        log.error("mail_not_written_down", error=type(error).__name__)
        for entry in batch:
            if isinstance(entry, _Dot):
                entry.error = error
                entry.done.set()

    def _write_dots(
        self, session: Session, messages: Sequence[OutboxMessage], held: Held, locked: _Letters
    ) -> set[UUID]:
        """Returns the messages whose dots may be sent, by id."""
        kept, now = [], self._lobby.clock()
        for message in messages:
            letter = locked.get(message.subject_id)
            if letter is not None and letter.state is LetterState.QUEUED:
                kept.append(message)
            else:
                outbox.finish(session, message, MessageState.DROPPED, now=now, detail="cancelled")
        return {message.id for message in outbox.before_dots(session, kept, held)}

    def _write_sent(
        self, session: Session, accepted: Sequence[_Accepted], held: Held, locked: _Letters
    ) -> None:
        keyring, now = self._lobby.keyring, self._lobby.clock()
        sent = outbox.accept_letters(session, accepted, held, now=now)
        letters = [locked[message.subject_id] for message in sent]
        letter_states.record_sent(session, letters, keyring=keyring, now=now)

    def _write_end(
        self,
        session: Session,
        message: OutboxMessage,
        state: MessageState,
        detail: str,
        *,
        expected: tuple[MessageState, ...] = outbox.NOT_ENDED,
        is_relay_trouble: bool = False,
    ) -> None:
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

    def _write_drop(
        self, session: Session, message: OutboxMessage, dropped: DroppedMessage
    ) -> None:
        now = self._lobby.clock()
        outbox.finish(session, message, MessageState.DROPPED, now=now, detail=dropped.reason)
        if dropped.hold:
            letter_id, keyring = message.subject_id, self._lobby.keyring
            letter_states.hold(session, letter_id, dropped.reason, keyring=keyring, now=now)
