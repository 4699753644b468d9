"""Emails writers a copy of the letter that was sent, if they asked for one."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import Keyring, Letter, MessageKind, MessageState, OutboxMessage
from models.base import table_of
from services.mail import outbox
from services.mail.outbox import NewMessage
from services.supporters import supporters

_outbox = table_of(OutboxMessage)


def queue(session: Session, letter: Letter, *, keyring: Keyring, now: datetime) -> None:
    """Queues the copy of a letter that was sent, if its writer wants one and none was queued.

    The caller has locked the letter, so that concurrent calls do not both queue a copy.
    """
    if letter.wants_copy and not is_queued(session, letter.id):
        recipient = supporters.recipient(session, letter.supporter_id, keyring=keyring)
        copy = NewMessage(MessageKind.LETTER_RECEIPT, letter.id, recipient)
        outbox.queue(session, [copy], now=now)


def is_queued(session: Session, letter_id: UUID) -> bool:
    """True if a copy waits or was sent.

    A dropped copy does not count: its writer wanted no email then, and may want the copy now.
    """
    statement = sa.select(_outbox.c.id).where(
        _outbox.c.subject_id == letter_id,
        _outbox.c.kind == MessageKind.LETTER_RECEIPT,
        _outbox.c.state != MessageState.DROPPED,
    )
    return session.connection().execute(statement).first() is not None


def server_answer(session: Session, letter_id: UUID) -> str | None:
    """Returns the mail server's answer when it accepted the letter, on one line.

    None if the letter was uncertain first: then an organiser or a log said that it was sent.
    """
    statement = sa.select(_outbox.c.detail).where(
        _outbox.c.subject_id == letter_id,
        _outbox.c.kind == MessageKind.LETTER,
        _outbox.c.state == MessageState.ACCEPTED,
    )
    detail: str | None = session.connection().execute(statement).scalar()
    if not detail or detail in (outbox.BY_HAND, outbox.BY_LOG):
        return None
    return " ".join(detail.split())
