"""Tests that what several connections record together ends as it would for each alone."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col, select

import worker
from models import Letter, LetterState, LetterTally, MessageKind, MessageState, OutboxMessage
from models.base import table_of
from services.assembly import Lobby
from services.letters import letter_states
from services.mail import outbox
from tests.support.common import Clock
from tests.support.mail import deliver_due, write_letter
from worker.mail_journal import MailJournal


def claim_letters(lobby: Lobby, number: int) -> list[OutboxMessage]:
    """Writes letters of as many people, and claims their messages."""
    deliver_due(lobby)
    for each in range(number):
        write_letter(lobby, email=f"writer{each}@example.org")
    with lobby.database.write() as session:
        claimed = outbox.claim(session, now=lobby.clock(), limit=500)
    return [message for message in claimed if message.kind is MessageKind.LETTER]


def states(
    lobby: Lobby, messages: list[OutboxMessage]
) -> dict[UUID, tuple[MessageState, LetterState]]:
    with lobby.database.read() as session:
        return {
            message.id: (
                session.get_one(OutboxMessage, message.id).state,
                session.get_one(Letter, message.subject_id).state,
            )
            for message in messages
        }


def letters_sent(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        total: int = session.exec(select(sa.func.sum(col(LetterTally.sent)))).one()
        return total


def test_of_dots_that_are_asked_for_together_each_gets_its_own_answer(
    lobby: Lobby, clock: Clock
) -> None:
    free, cancelled, taken_over, other = messages = claim_letters(lobby, 4)
    with lobby.database.write() as session:
        letter_states.cancel(session, cancelled.subject_id)
        outbox_table = table_of(OutboxMessage)
        session.connection().execute(
            sa.update(outbox_table).where(outbox_table.c.id == taken_over.id).values(attempt=2)
        )
    journal = MailJournal(lobby)
    with journal.open(), ThreadPoolExecutor(4) as pool:
        allowed = list(pool.map(journal.commit_to_dot, messages))
    assert allowed == [True, False, False, True]
    assert states(lobby, messages) == {
        free.id: (MessageState.DOT_PENDING, LetterState.QUEUED),
        cancelled.id: (MessageState.DROPPED, LetterState.CANCELLED),
        taken_over.id: (MessageState.CLAIMED, LetterState.QUEUED),
        other.id: (MessageState.DOT_PENDING, LetterState.QUEUED),
    }


def test_letters_that_were_sent_together_count_once_each_and_not_for_an_older_attempt(
    lobby: Lobby,
) -> None:
    *sent, taken_over = messages = claim_letters(lobby, 4)
    before = letters_sent(lobby)
    journal = MailJournal(lobby)
    with journal.open(), ThreadPoolExecutor(4) as pool:
        assert all(pool.map(journal.commit_to_dot, messages))
        taken_over.attempt -= 1
        for message in messages:
            journal.record(message, MessageState.ACCEPTED, f"250 queued as {message.id}")
    after = states(lobby, messages)
    for message in sent:
        assert after[message.id] == (MessageState.ACCEPTED, LetterState.SENT)
    assert after[taken_over.id] == (MessageState.DOT_PENDING, LetterState.QUEUED)
    with lobby.database.read() as session:
        details = set(session.exec(select(OutboxMessage.detail)))
    assert letters_sent(lobby) == before + len(sent)
    assert details >= {f"250 queued as {message.id}" for message in sent}


def test_a_letter_alone_need_not_wait_for_other_connections(lobby: Lobby) -> None:
    (message,) = claim_letters(lobby, 1)
    journal = MailJournal(lobby)
    with journal.open():
        assert journal.commit_to_dot(message)
        assert states(lobby, [message])[message.id][0] is MessageState.DOT_PENDING


def test_a_round_that_is_over_gives_back_what_it_has_not_begun(lobby: Lobby) -> None:
    deliver_due(lobby)
    letter = write_letter(lobby)
    assert worker.deliver_due(lobby, seconds=0) == 0
    with lobby.database.read() as session:
        about_it = select(OutboxMessage).where(OutboxMessage.subject_id == letter.id)
        (message,) = session.exec(about_it)
    assert (message.state, message.attempt) == (MessageState.QUEUED, 0)
    deliver_due(lobby)
    assert states(lobby, [message])[message.id] == (MessageState.ACCEPTED, LetterState.SENT)
