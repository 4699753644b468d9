"""Messages that came back: what follows for the message, its letter and the address.

Applying a report again changes nothing: every step is a conditional update on the state before.
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
    """What is to become of a report. `TOO_EARLY`: how the message went is not written down yet."""

    DONE = "done"
    TOO_EARLY = "too_early"
    UNKNOWN = "unknown"


def apply(
    session: Session, report: DeliveryReport, *, keyring: Keyring, now: datetime
) -> ReportHandling:
    """Write down that a message did not arrive. Only a failure of a message of ours changes
    anything; one that names none, and what could not be read, is left to the operator."""
    if report.verdict is ReportedOutcome.NO_FAILURE:
        return ReportHandling.DONE
    if report.verdict is ReportedOutcome.UNCLEAR or report.message_id is None:
        return ReportHandling.UNKNOWN
    message, letter = _locked(session, report.message_id)
    if message is None:
        return ReportHandling.DONE  # of rows that were erased
    if message.state in _GOING:
        return ReportHandling.TOO_EARLY
    if report.is_dead:
        dead_addresses.note_of_message(
            session,
            message,
            report.said,
            keyring=keyring,
            now=now,
            recipients=report.recipients,
        )
    if _reject(session, message, report, now) and letter is not None:
        letter_states.mark_bounced(session, letter, report.said, keyring=keyring, now=now)
    return ReportHandling.DONE


def _locked(session: Session, message_id: UUID) -> tuple[OutboxMessage | None, Letter | None]:
    """The message and its letter. The letter's lock comes first, as where one is settled."""
    message = session.get(OutboxMessage, message_id)
    if message is None or message.kind is not MessageKind.LETTER:
        return message, None
    fresh = {"populate_existing": True}
    statement = select(Letter).where(Letter.id == message.subject_id).with_for_update()
    letter = session.exec(statement.execution_options(**fresh)).first()
    return session.get(OutboxMessage, message_id, populate_existing=True), letter


def _reject(
    session: Session, message: OutboxMessage, report: DeliveryReport, now: datetime
) -> bool:
    changed = session.connection().execute(
        sa.update(_outbox)
        .where(_outbox.c.id == message.id, _outbox.c.state.in_(_GONE))
        .values(state=MessageState.REJECTED, detail=report.said, finished_at=now)
    )
    return changed.rowcount == 1
