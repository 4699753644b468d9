"""The post of a campaign."""

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
    """Whom a letter is to."""

    id: int
    name: str
    party: str


class AddressToCheckAnswer(Answer):
    """A member whose address is dead, in the words of the server that said so: letters of the
    campaign did not arrive, and none goes there until it is lifted or the member has another."""

    member: QueuedLetterMember
    detail: str
    since: datetime


class RelayAnswer(Answer):
    """The mail server that takes our mail. While it rests, letters wait and lose nothing."""

    is_resting: bool
    resting_until: datetime | None
    error: str | None


class LetterQueueAnswer(Answer):
    """Letters by state. `next_at` and `last_at`: when those that wait are to go; null where none
    waits or the post is paused. `deferred` are those of the queued ones that were
    put off, `bounced` those of the rejected ones that came back after the relay had taken them."""

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
    """A letter without its words. `reason` is why it is held or was refused, in the mail server's
    words; `message_id` finds it in the relay's log; `bounced_at`: when we learnt that it came back.
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
    """What became of an uncertain letter, by the relay's log or the office's word."""

    outcome: Literal["sent", "not_sent"]


class SettledAnswer(Answer):
    """The letter's state now."""

    id: UUID
    status: LetterState


def letter_queue_answer(
    view: QueueView, *, dead: Sequence[AddressToCheck], relay: RelayView
) -> LetterQueueAnswer:
    """From the view of a campaign's context, the dead addresses it met, and its relay's."""
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
        addresses_to_check=[AddressToCheckAnswer.model_validate(each) for each in dead],
        relay=RelayAnswer.model_validate(relay),
    )


def queued_letter_answer(posted: QueuedLetter, context: MailContext) -> QueuedLetterAnswer:
    """From a letter with its message, where it has one."""
    letter, message = posted.letter, posted.message
    waits = message is not None and letter.state is LetterState.QUEUED
    return QueuedLetterAnswer(
        id=letter.id,
        member=QueuedLetterMember.model_validate(posted.member),
        state=letter.state,
        variant=letter.variant,
        reason=letter.reason,
        attempts=message.attempt if message else 0,
        created_at=letter.created_at,
        goes_at=message.due_at if message and waits and message.due_at.year < 9999 else None,
        sent_at=letter.sent_at,
        bounced_at=letter.bounced_at,
        message_id=context.message_id(message.id) if message else None,
    )
