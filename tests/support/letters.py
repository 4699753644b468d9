"""Letters of the demonstration, which are all sent, put into states that are hard to reach."""

from datetime import datetime, timedelta
from typing import Any

from sqlmodel import col, select

from models import Letter, LetterState, LetterTally, MessageKind, MessageState, OutboxMessage
from services.assembly import Lobby

ENDS = {
    LetterState.QUEUED: MessageState.QUEUED,
    LetterState.REJECTED: MessageState.REJECTED,
    LetterState.UNCERTAIN: MessageState.UNCERTAIN,
    LetterState.HELD: MessageState.DROPPED,
}


def letters_of(lobby: Lobby) -> list[tuple[Letter, OutboxMessage]]:
    """Returns all letters with their messages, the oldest first."""
    statement = (
        select(Letter, OutboxMessage)
        .join(OutboxMessage, col(OutboxMessage.subject_id) == Letter.id)
        .where(OutboxMessage.kind == MessageKind.LETTER)
        .order_by(col(Letter.id))
    )
    with lobby.database.read() as session:
        return [(letter, message) for letter, message in session.exec(statement)]


def put_into_state(
    lobby: Lobby, place: int, state: LetterState, *, letter: Any = None, message: Any = None
) -> tuple[Letter, OutboxMessage]:
    """Puts the letter at a place into a state, as if it had never been sent and counted.

    `letter` and `message` are further values of its row and of its message's row.
    """
    before, message_before = letters_of(lobby)[place]
    detail = "no answer" if state is LetterState.UNCERTAIN else None
    with lobby.database.write() as session:
        row = session.get_one(Letter, before.id)
        message_row = session.get_one(OutboxMessage, message_before.id)
        if row.state is LetterState.SENT:
            key = (row.campaign_id, row.motion_id, row.constituency_code)
            session.get_one(LetterTally, key).sent -= 1
        values = {"state": state, "sent_at": None, "reason": detail}
        row.sqlmodel_update(values | (letter or {}))
        message_row.sqlmodel_update({"state": ENDS[state], "detail": detail} | (message or {}))
    return letters_of(lobby)[place]


def uncertain_letter(lobby: Lobby, place: int, at: datetime) -> tuple[Letter, OutboxMessage]:
    """Makes the letter at a place uncertain after an attempt of one minute that ended at `at`."""
    attempt = {"claimed_at": at - timedelta(minutes=1), "finished_at": at}
    return put_into_state(lobby, place, LetterState.UNCERTAIN, message=attempt)


def sent_in_tally(lobby: Lobby) -> int:
    """Returns the letters that the tallies count as sent."""
    with lobby.database.read() as session:
        return sum(row.sent for row in session.exec(select(LetterTally)))


def sent(lobby: Lobby) -> int:
    """Returns the letters whose own state is sent."""
    return sum(letter.state is LetterState.SENT for letter, _ in letters_of(lobby))
