"""Emails waiting for delivery, written in the transaction that causes them."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.base import UtcDateTime, choice, new_id


class MessageKind(StrEnum):
    """The kinds of message. A message is rendered at delivery, so it stores no personal data."""

    CONFIRM_SIGNATURE = "confirm_signature"
    ALREADY_SIGNED = "already_signed"
    CONFIRM_LETTER = "confirm_letter"
    LETTER = "letter"
    LETTER_HELD = "letter_held"
    SEAT_FILLED = "seat_filled"
    LETTER_RECEIPT = "letter_receipt"
    LETTER_BOUNCED = "letter_bounced"
    LETTER_QUESTION = "letter_question"
    WEBHOOK_STOPPED = "webhook_stopped"
    WEBHOOK_FAILING = "webhook_failing"
    INVITATION = "invitation"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - a name
    ACCOUNT_CHANGED = "account_changed"
    ALERT_DIGEST = "alert_digest"


class MessageState(StrEnum):
    """The states of a message.

    queued -> claimed -> dot_pending -> accepted | deferred (4xx) | rejected (5xx) | uncertain.
    In `dot_pending` the whole message except the final dot of SMTP has been sent. `dropped` means
    that the reason for the message was gone before it was sent.
    """

    QUEUED = "queued"
    CLAIMED = "claimed"
    DOT_PENDING = "dot_pending"
    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    REJECTED = "rejected"
    UNCERTAIN = "uncertain"
    DROPPED = "dropped"


class OutboxMessage(SQLModel, table=True):
    """A message about one row, such as a signature, a letter, a webhook endpoint or an organiser.

    `subject_id` is the id of that row. `recipient_index` recognises a dead address and identifies
    the organiser to whom a warning goes. `mailbox_index` recognises a mailbox however its address
    is spelt, for the daily limit of emails; both are None for letters to MPs, which that limit does
    not count. `sender_index` is a keyed hash of the network or API key that caused the message; a
    job empties it after 48 hours.
    """

    __tablename__ = "outbox_message"
    __table_args__ = (
        sa.Index("ix_outbox_message_state_due_at", "state", "due_at"),
        sa.Index("ix_outbox_message_mailbox_index_created_at", "mailbox_index", "created_at"),
        # A letter must never have a second message: it could be sent twice.
        sa.Index(
            "uq_outbox_message_letter",
            "subject_id",
            unique=True,
            sqlite_where=sa.text("kind = 'letter'"),
            postgresql_where=sa.text("kind = 'letter'"),
        ),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    kind: MessageKind = Field(sa_type=choice(MessageKind, "kind"))
    subject_id: UUID = Field(index=True)
    recipient_index: bytes | None = None
    mailbox_index: bytes | None = None
    sender_index: bytes | None = None
    state: MessageState = Field(default=MessageState.QUEUED, sa_type=choice(MessageState, "state"))
    attempt: int = 0
    created_at: datetime = Field(sa_type=UtcDateTime)
    due_at: datetime = Field(sa_type=UtcDateTime)
    claimed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    detail: str | None = None
