"""Submissions: what people sent in order to sign or to write, sealed until they confirm it.

A submission is deleted when it is confirmed, refused or withdrawn, and 14 days after it arrived.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.base import UtcDateTime, choice, new_id
from models.encryption import PrivateText

_NEW = sa.text("state = 'new'")
_WAITING = sa.text("state = 'waiting'")
_SORTED = sa.text("state <> 'new'")
_WITH_ADDRESS = sa.text("address_index IS NOT NULL")


class SubmissionKind(StrEnum):
    """What a submission becomes when its sender confirms it."""

    SIGNATURE = "signature"
    LETTER = "letter"


class SubmissionState(StrEnum):
    """`new`: not sorted yet. `waiting`: over a limit on mails. `asked`: its mail is queued."""

    NEW = "new"
    WAITING = "waiting"
    ASKED = "asked"


class Submission(SQLModel, table=True):
    """One post. Its id becomes the id of the signature or the letter.

    The intake writes the first columns and asks nothing about the email address; the sorter writes
    `address_index` and `mailbox_index`, which are keyed hashes of the address. `place_id` is the id
    whose place in the queue it has while it waits: its own, or that of the one it replaced.
    `sender_index` is a keyed hash of the network or API key that the post came from. It is empty
    once the mail is queued. `services.submissions.payload` defines the JSON in `payload`.
    """

    __table_args__ = (
        sa.CheckConstraint(
            "(kind = 'signature' AND petition_id IS NOT NULL AND campaign_id IS NULL) OR "
            "(kind = 'letter' AND campaign_id IS NOT NULL AND petition_id IS NULL)",
            name="subject",
        ),
        sa.CheckConstraint("(state = 'waiting') = (due_at IS NOT NULL)", name="due_at"),
        sa.CheckConstraint(
            "state = 'waiting' OR (mailbox_index IS NULL AND place_id IS NULL)", name="waiting"
        ),
        sa.CheckConstraint("state <> 'new' OR address_index IS NULL", name="address_index"),
        sa.Index("ix_submission_new", "id", sqlite_where=_NEW, postgresql_where=_NEW),
        sa.Index("ix_submission_due", "due_at", sqlite_where=_WAITING, postgresql_where=_WAITING),
        # To share out one mailbox's mails fairly among those who wait for it.
        sa.Index(
            "ix_submission_mailbox_index",
            "mailbox_index",
            sqlite_where=_WAITING,
            postgresql_where=_WAITING,
        ),
        sa.Index(
            "ix_submission_address_index",
            "address_index",
            sqlite_where=_WITH_ADDRESS,
            postgresql_where=_WITH_ADDRESS,
        ),
        sa.Index(
            "ix_submission_petition_id_id",
            "petition_id",
            "id",
            sqlite_where=_SORTED,
            postgresql_where=_SORTED,
        ),
        # Every row is updated once and deleted once.
        {
            "postgresql_with": {"fillfactor": "80", "autovacuum_vacuum_scale_factor": "0.02"},
        },
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    kind: SubmissionKind = Field(sa_type=choice(SubmissionKind, "kind"))
    petition_id: UUID | None = Field(default=None, foreign_key="petition.id")
    campaign_id: UUID | None = Field(default=None, foreign_key="campaign.id")
    constituency_code: str = Field(max_length=9)
    received_at: datetime = Field(sa_type=UtcDateTime)
    sender_index: bytes | None = None
    payload: Any = Field(sa_type=PrivateText("submission.payload"))
    state: SubmissionState = Field(
        default=SubmissionState.NEW, sa_type=choice(SubmissionState, "state")
    )
    address_index: bytes | None = None
    mailbox_index: bytes | None = None
    place_id: UUID | None = None
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class RequestKind(StrEnum):
    """What a sender asked of their own submission on the page after sending it."""

    SEND_AGAIN = "send_again"
    DELETE = "delete"


class SubmissionRequest(SQLModel, table=True):
    """A request of a sender's page, which the sorter serves once.

    The page writes it whether or not the submission is still there, so that nobody learns from it
    whether somebody has signed. Hence `submission_id` refers to nothing.
    """

    __tablename__ = "submission_request"
    __table_args__ = (
        sa.Index(
            "ix_submission_request_to_serve",
            "asked_at",
            sqlite_where=sa.text("served_at IS NULL"),
            postgresql_where=sa.text("served_at IS NULL"),
        ),
    )

    submission_id: UUID = Field(primary_key=True)
    kind: RequestKind = Field(primary_key=True, sa_type=choice(RequestKind, "kind"))
    asked_at: datetime = Field(sa_type=UtcDateTime)
    served_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Refusal(SQLModel, table=True):
    """The owner of an address said 'not me' about a petition or campaign: we ask them no more.

    `address_index` is the blind index of the address in its organisation.
    """

    subject_id: UUID = Field(primary_key=True)
    address_index: bytes = Field(primary_key=True)
    refused_at: datetime = Field(sa_type=UtcDateTime, index=True)
