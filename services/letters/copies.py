"""Copies of letters that have gone, for writers who want one."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import Keyring, Letter, MessageKind, MessageState, OutboxMessage
from models.base import table_of
from services.mail import outbox
from services.mail.outbox import Note
from services.supporters import supporters

_outbox = table_of(OutboxMessage)


def queue(session: Session, letter: Letter, *, keyring: Keyring, now: datetime) -> None:
    """Queue the copy of a letter that has gone, where its writer wants one: once.

    The letter must be held under a lock, so that two at once do not both find none.
    """
    if letter.wants_copy and not is_queued(session, letter.id):
        recipient = supporters.recipient(session, letter.supporter_id, keyring=keyring)
        note = Note(MessageKind.LETTER_RECEIPT, letter.id, recipient)
        outbox.queue(session, [note], now=now)


def is_queued(session: Session, letter_id: UUID) -> bool:
    """Whether a copy waits or went. One that was dropped is not there: its writer wanted no mail
    then, and may want the copy now."""
    statement = sa.select(_outbox.c.id).where(
        _outbox.c.subject_id == letter_id,
        _outbox.c.kind == MessageKind.LETTER_RECEIPT,
        _outbox.c.state != MessageState.DROPPED,
    )
    return session.connection().execute(statement).first() is not None


def server_answer(session: Session, letter_id: UUID) -> str | None:
    """What the mail server said when it took the letter, on one line; None where it said nothing
    clear, and an organiser found out what became of it."""
    statement = sa.select(_outbox.c.detail).where(
        _outbox.c.subject_id == letter_id,
        _outbox.c.kind == MessageKind.LETTER,
        _outbox.c.state == MessageState.ACCEPTED,
    )
    detail: str | None = session.connection().execute(statement).scalar()
    is_servers = detail and detail not in (outbox.BY_HAND, outbox.BY_LOG)
    return " ".join(detail.split()) if detail and is_servers else None
