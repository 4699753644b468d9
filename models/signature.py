"""Signatures: one supporter's name under one petition."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.base import UtcDateTime, choice, new_id
from models.encryption import PrivateText

_OF_PARTNER = sa.text("partner_id IS NOT NULL")
_CONFIRMED = sa.text("state = 'confirmed'")
_PENDING = sa.text("state = 'pending' AND ended_at IS NULL")


class SignatureState(StrEnum):
    """`rejected` means fraud or 'not me'.

    `pending` is what the API calls a submission. Rows in the states `pending` and `expired` are
    from before submissions; a job turns them into submissions or deletes them.
    """

    PENDING = "pending"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"
    REJECTED = "rejected"
    EXPIRED = "expired"


class Signature(SQLModel, table=True):
    """A signature with its name and postcode as signed. Constituency, state and times are plain.

    `provenance` says where an imported signature was given: 'paper, Leeds stall, 3 May 2026'.
    `confirmed_by_signer` is False while only an importer vouches for it. `changed_at` is when
    anything last changed that its organisation sees of it, also the signer's answers about news and
    the partner; `partner_changed_at` is the same for its partner, which sees less.
    """

    __table_args__ = (
        # A person has one standing signature under a petition. Withdrawn and rejected ones are
        # history: signing again adds a row.
        sa.Index(
            "uq_signature_confirmed",
            "petition_id",
            "supporter_id",
            unique=True,
            sqlite_where=_CONFIRMED,
            postgresql_where=_CONFIRMED,
        ),
        sa.CheckConstraint("length(provenance) BETWEEN 1 AND 200", name="provenance"),
        sa.Index("ix_signature_petition_id_id", "petition_id", "id"),
        # For those who keep a copy, and ask what has changed since.
        sa.Index("ix_signature_petition_id_changed_at", "petition_id", "changed_at", "id"),
        # For what a partner sees. Most signatures have no partner and cost this index nothing.
        sa.Index(
            "ix_signature_partner_id",
            "partner_id",
            "petition_id",
            "id",
            sqlite_where=_OF_PARTNER,
            postgresql_where=_OF_PARTNER,
        ),
        sa.Index(
            "ix_signature_partner_id_partner_changed_at",
            "partner_id",
            "petition_id",
            "partner_changed_at",
            "id",
            sqlite_where=_OF_PARTNER,
            postgresql_where=_OF_PARTNER,
        ),
        # For the adoption of rows from before submissions.
        sa.Index(
            "ix_signature_pending",
            "signed_at",
            sqlite_where=_PENDING,
            postgresql_where=_PENDING,
        ),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    petition_id: UUID = Field(foreign_key="petition.id")
    supporter_id: UUID = Field(foreign_key="supporter.id", index=True)
    state: SignatureState = Field(
        default=SignatureState.PENDING, sa_type=choice(SignatureState, "state")
    )
    constituency_code: str = Field(max_length=9)
    name: Any = Field(sa_type=PrivateText("signature.name"))
    postcode: Any = Field(sa_type=PrivateText("signature.postcode"))
    comment: Any = Field(default=None, sa_type=PrivateText("signature.comment"), nullable=True)
    country: str = Field(default="GB", max_length=2)
    locale: str = Field(default="en", max_length=5)
    source: str | None = None
    partner_id: UUID | None = Field(default=None, foreign_key="partner.id")
    signed_at: datetime = Field(sa_type=UtcDateTime)
    confirmed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    changed_at: datetime = Field(sa_type=UtcDateTime)
    partner_changed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    provenance: str | None = None
    confirmed_by_signer: bool = Field(default=True, sa_column_kwargs={"server_default": sa.true()})
