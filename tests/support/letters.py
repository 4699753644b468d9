"""Letters in states that are hard to come by: the demonstration's, which have all gone, changed."""

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
    """All letters with their messages, the oldest first."""
    statement = (
        select(Letter, OutboxMessage)
        .join(OutboxMessage, col(OutboxMessage.subject_id) == Letter.id)
        .where(OutboxMessage.kind == MessageKind.LETTER)
        .order_by(col(Letter.id))
    )
    with lobby.database.read() as session:
        return [(letter, message) for letter, message in session.exec(statement)]


def take_back(
    lobby: Lobby, place: int, state: LetterState, *, letter: Any = None, message: Any = None
) -> tuple[Letter, OutboxMessage]:
    """The letter at a place, as though it had never been counted and had met this end; with these
    values beside its state and its message's."""
    found = letters_of(lobby)[place]
    detail = "no answer" if state is LetterState.UNCERTAIN else None
    with lobby.database.write() as session:
        its = session.get_one(Letter, found[0].id)
        ended = session.get_one(OutboxMessage, found[1].id)
        if its.state is LetterState.SENT:
            key = (its.campaign_id, its.motion_id, its.constituency_code)
            session.get_one(LetterTally, key).sent -= 1
        values = {"state": state, "sent_at": None, "reason": detail}
        its.sqlmodel_update(values | (letter or {}))
        ended.sqlmodel_update({"state": ENDS[state], "detail": detail} | (message or {}))
    return letters_of(lobby)[place]


def uncertain_letter(lobby: Lobby, place: int, at: datetime) -> tuple[Letter, OutboxMessage]:
    """The letter at a place, uncertain since an attempt that ended at a moment, after a minute."""
    attempt = {"claimed_at": at - timedelta(minutes=1), "finished_at": at}
    return take_back(lobby, place, LetterState.UNCERTAIN, message=attempt)


def sent_in_tally(lobby: Lobby) -> int:
    """What is counted."""
    with lobby.database.read() as session:
        return sum(row.sent for row in session.exec(select(LetterTally)))


def sent(lobby: Lobby) -> int:
    """Letters that are sent, by their own state."""
    return sum(letter.state is LetterState.SENT for letter, _ in letters_of(lobby))
