"""What several threads write down about their messages, in as few transactions as can be.

Whoever has to wait for the disk writes for all who wait: the commit to one letter's dot takes with
it those of the other connections, and how earlier messages ended. A disk that is slow then costs
one wait for several letters. On one connection it is one commit a letter.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlmodel import Session

from lobby.models import MessageKind, MessageState, OutboxMessage
from lobby.services import letter_states, outbox, relays
from lobby.services.lobby import Lobby
from lobby.services.messages import Dropped


@dataclass(slots=True)
class _Entry:
    """Something to write down, and what came of it."""

    write: Callable[[Session], bool]
    is_done: bool = False
    result: bool = False
    error: Exception | None = field(default=None)


class Ledger:
    """Of one round of deliveries."""

    def __init__(self, lobby: Lobby) -> None:
        self._lobby = lobby
        self._guard = threading.Lock()  # of the list
        self._turn = threading.Lock()  # to write
        self._waiting: list[_Entry] = []

    def commit_to_dot(self, message: OutboxMessage) -> bool:
        """On disk when this returns; False where the message is another's by now, or not wanted."""
        entry = self._add(lambda session: self._write_dot(session, message))
        self.flush(entry)
        if entry.error is not None:
            raise entry.error
        return entry.result

    def note(self, message: OutboxMessage, state: MessageState, detail: str) -> None:
        """How an attempt ended; on disk with the next commit."""
        self._add(lambda session: self._write_end(session, message, state, detail))

    def drop(self, message: OutboxMessage, dropped: Dropped) -> None:
        """A message without a purpose; on disk with the next commit."""
        self._add(lambda session: self._write_drop(session, message, dropped))

    def end_round(self, left: list[OutboxMessage], trouble: list[str]) -> None:
        """Give back what was not attempted, and remember how the relay did."""
        relay, now = self._lobby.courier.relay, self._lobby.clock()
        with self._lobby.database.write() as session:
            outbox.give_back(session, left, now=now)
            if trouble:
                relays.note_trouble(session, relay, trouble, now=now)
            else:
                relays.note_answered(session, relay, now=now)

    def flush(self, mine: _Entry | None = None) -> None:
        """Write what waits, unless another thread has just done it for us."""
        with self._turn:
            if mine is not None and mine.is_done:
                return
            with self._guard:
                entries, self._waiting = self._waiting, []
            self._write(entries)

    def _add(self, write: Callable[[Session], bool]) -> _Entry:
        entry = _Entry(write)
        with self._guard:
            self._waiting.append(entry)
        return entry

    def _write(self, entries: list[_Entry]) -> None:
        """In one transaction; where that fails, one by one, so that a bad one fails alone."""
        try:
            if entries:
                with self._lobby.database.write() as session:
                    results = [entry.write(session) for entry in entries]
                for entry, result in zip(entries, results, strict=True):
                    entry.result, entry.is_done = result, True
        except Exception as error:
            if len(entries) > 1:
                for entry in entries:
                    self._write([entry])
                return
            entries[0].error, entries[0].is_done = error, True

    def _write_dot(self, session: Session, message: OutboxMessage) -> bool:
        if letter_states.is_still_wanted(session, message.subject_id):
            return outbox.before_dot(session, message)
        now = self._lobby.clock()
        outbox.finish(session, message, MessageState.DROPPED, now=now, detail="cancelled")
        return False

    def _write_end(
        self, session: Session, message: OutboxMessage, state: MessageState, detail: str
    ) -> bool:
        now, keyring = self._lobby.clock(), self._lobby.keyring
        ended = outbox.finish(session, message, state, now=now, detail=detail)
        if ended and message.kind is MessageKind.LETTER:
            letter_states.delivered(
                session, message.subject_id, ended, detail=detail, keyring=keyring, now=now
            )
        return ended is not None

    def _write_drop(self, session: Session, message: OutboxMessage, dropped: Dropped) -> bool:
        now = self._lobby.clock()
        outbox.finish(session, message, MessageState.DROPPED, now=now, detail=dropped.reason)
        if dropped.hold:
            letter_id, keyring = message.subject_id, self._lobby.keyring
            letter_states.hold(session, letter_id, dropped.reason, keyring=keyring, now=now)
        return True
