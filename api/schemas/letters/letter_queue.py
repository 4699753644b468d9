"""Bodies of a campaign's letter queue."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from api.schemas.fields import Answer, Request
from models import LetterState
from services.letters.letter_queue import QueuedLetter, QueueView
from services.mail.dead_addresses import AddressToCheck
from services.mail.relays import RelayView
from services.mail.supporter_mails import MailContext


class QueuedLetterMember(Answer):
    """The member whom a letter is to."""

    id: int
    name: str
    party: str


class AddressToCheckAnswer(Answer):
    """A member whose email address is dead. `detail` is the error of the mail server.

    Letters of the campaign did not arrive there. The service sends no more until the mark is
    lifted or the member has another address.
    """

    member: QueuedLetterMember
    detail: str
    since: datetime


class RelayAnswer(Answer):
    """The mail server that takes our emails. While it rests, letters wait in the queue."""

    is_resting: bool
    resting_until: datetime | None
    error: str | None


class LetterQueueAnswer(Answer):
    """Letters by state.

    `next_at` and `last_at` are when the first and the last queued letter will be sent. They are
    null if no letter is queued, or the queue is paused. `deferred` counts those queued letters
    that were put off, `bounced` those rejected ones that came back after the relay accepted them.
    `pending` is 0: letters that their writers have not confirmed are not counted.
    """

    is_paused: bool
    paused_at: datetime | None
    pending: int
    queued: int
    deferred: int
    sent: int
    held: int
    cancelled: int
    rejected: int
    uncertain: int
    next_at: datetime | None
    last_at: datetime | None
    waiting_since: datetime | None
    bounced: int
    addresses_to_check: list[AddressToCheckAnswer]
    relay: RelayAnswer


class QueuedLetterAnswer(Answer):
    """A letter without its text.

    `reason` says why it is held, or is the mail server's refusal. `message_id` is its id in the
    relay's log. `bounced_at` is when the service learnt that it came back.
    """

    id: UUID
    member: QueuedLetterMember
    state: LetterState
    variant: str
    reason: str | None
    attempts: int
    created_at: datetime
    goes_at: datetime | None
    sent_at: datetime | None
    bounced_at: datetime | None
    message_id: str | None


class Settlement(Request):
    """Whether an uncertain letter was sent, according to the relay's log or the MP's office."""

    outcome: Literal["sent", "not_sent"]


class SettledAnswer(Answer):
    """The state of a letter."""

    id: UUID
    status: LetterState


def letter_queue_answer(
    view: QueueView, *, dead: Sequence[AddressToCheck], relay: RelayView
) -> LetterQueueAnswer:
    """Converts a campaign's queue, the dead addresses of its letters, and the relay."""
    counts = {state.value: count for state, count in view.counts.items()}
    return LetterQueueAnswer(
        is_paused=view.paused_at is not None,
        paused_at=view.paused_at,
        pending=counts["pending"],
        queued=counts["queued"],
        deferred=view.deferred,
        sent=counts["sent"],
        held=counts["held"],
        cancelled=counts["cancelled"],
        rejected=counts["rejected"],
        uncertain=counts["uncertain"],
        next_at=view.next_at,
        last_at=view.last_at,
        waiting_since=view.waiting_since,
        bounced=view.bounced,
        addresses_to_check=[AddressToCheckAnswer.model_validate(address) for address in dead],
        relay=RelayAnswer.model_validate(relay),
    )


def queued_letter_answer(row: QueuedLetter, context: MailContext) -> QueuedLetterAnswer:
    """Converts a letter with its message, if it has one."""
    letter, message = row.letter, row.message
    is_queued = message is not None and letter.state is LetterState.QUEUED
    return QueuedLetterAnswer(
        id=letter.id,
        member=QueuedLetterMember.model_validate(row.member),
        state=letter.state,
        variant=letter.variant,
        reason=letter.reason,
        attempts=message.attempt if message else 0,
        created_at=letter.created_at,
        goes_at=message.due_at if message and is_queued and message.due_at.year < 9999 else None,
        sent_at=letter.sent_at,
        bounced_at=letter.bounced_at,
        message_id=context.message_id(message.id) if message else None,
    )
