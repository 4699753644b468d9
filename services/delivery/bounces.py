"""Applies a bounce to the message, its letter and the recipient's address.

Applying a report again changes nothing: every step is a conditional update on the earlier state.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, select

from models import Keyring, Letter, MessageKind, MessageState, OutboxMessage
from models.base import table_of
from services.letters import letter_states
from services.mail import dead_addresses
from services.mail.delivery_reports import DeliveryReport, ReportedOutcome

_outbox = table_of(OutboxMessage)
_GOING = (MessageState.CLAIMED, MessageState.DOT_PENDING)
_GONE = (MessageState.ACCEPTED, MessageState.UNCERTAIN)


class ReportHandling(StrEnum):
    """What the caller does with a report.

    `DONE`: delete it. `TOO_EARLY`: read it again later, because the outcome of the message is not
    recorded yet. `UNKNOWN`: leave it to an operator.
    """

    DONE = "done"
    TOO_EARLY = "too_early"
    UNKNOWN = "unknown"


def apply(
    session: Session, report: DeliveryReport, *, keyring: Keyring, now: datetime
) -> ReportHandling:
    """Records that a message did not arrive, and whether its address is dead.

    Only a report that a message of ours failed changes anything.
    """
    if report.verdict is ReportedOutcome.NO_FAILURE:
        return ReportHandling.DONE
    if report.verdict is ReportedOutcome.UNCLEAR or report.message_id is None:
        return ReportHandling.UNKNOWN
    message, letter = _locked(session, report.message_id)
    if message is None:
        return ReportHandling.DONE  # the message was erased
    if message.state in _GOING:
        return ReportHandling.TOO_EARLY
    if report.is_dead:
        dead_addresses.note_of_message(
            session,
            message,
            report.server_text,
            keyring=keyring,
            now=now,
            recipients=report.recipients,
        )
    if _mark_rejected(session, message, report, now) and letter is not None:
        letter_states.mark_bounced(session, letter, report.server_text, keyring=keyring, now=now)
    return ReportHandling.DONE


def _locked(session: Session, message_id: UUID) -> tuple[OutboxMessage | None, Letter | None]:
    """Locks the letter before it reads the message, in the same order as `letter_queue.settle`."""
    message = session.get(OutboxMessage, message_id)
    if message is None or message.kind is not MessageKind.LETTER:
        return message, None
    fresh = {"populate_existing": True}
    statement = select(Letter).where(Letter.id == message.subject_id).with_for_update()
    letter = session.exec(statement.execution_options(**fresh)).first()
    return session.get(OutboxMessage, message_id, populate_existing=True), letter


def _mark_rejected(
    session: Session, message: OutboxMessage, report: DeliveryReport, now: datetime
) -> bool:
    changed = session.connection().execute(
        sa.update(_outbox)
        .where(_outbox.c.id == message.id, _outbox.c.state.in_(_GONE))
        .values(state=MessageState.REJECTED, detail=report.server_text, finished_at=now)
    )
    return changed.rowcount == 1
