"""API keys and their scopes."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.base import UtcDateTime, new_id


class Scope(StrEnum):
    """What a key may do.

    `letters:read` shows the states of letters; who wrote them needs `letters:writers` as well.
    """

    CAMPAIGNS_WRITE = "campaigns:write"
    SIGNATURES_WRITE = "signatures:write"
    SIGNATURES_IMPORT = "signatures:import"
    SIGNATURES_READ = "signatures:read"
    TALLIES_READ = "tallies:read"
    LETTERS_READ = "letters:read"
    LETTERS_WRITERS = "letters:writers"
    WEBHOOKS_WRITE = "webhooks:write"
    ACTION_NETWORK = "action_network"


PARTNER_SCOPES = frozenset({Scope.SIGNATURES_WRITE, Scope.SIGNATURES_READ, Scope.ACTION_NETWORK})
"""The scopes that a partner's key may have: it adds signatures and reads those it added.

All other scopes change or reveal the organisation's own data, such as its notes on members
(docs/guide/partners.md).
"""
LIVE_KEYS = 2
"""The number of live keys of one name: the one in use, and the one that replaces it."""
_OWN = sa.text("partner_id IS NULL")


class ApiKey(SQLModel, table=True):
    """An API key. Only the SHA-256 of its secret is stored: 256 random bits need no slow hash.

    `name` says in its owner's words where the key is used. A key ends when it is revoked or
    expires. `slot` is its place, 1 or 2, among the live keys of its name; it is None for a key
    without a name or that has ended.
    """

    __tablename__ = "api_key"
    __table_args__ = (
        sa.CheckConstraint(f"slot BETWEEN 1 AND {LIVE_KEYS}", name="slot"),
        sa.Index("ix_api_key_partner_id_slot", "partner_id", "name", "slot", unique=True),
        # Two NULLs are not equal, so the organisation's own keys need an index of their own.
        sa.Index(
            "ix_api_key_organisation_id_slot",
            "organisation_id",
            "name",
            "slot",
            unique=True,
            sqlite_where=_OWN,
            postgresql_where=_OWN,
        ),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    organisation_id: UUID = Field(foreign_key="organisation.id", index=True)
    partner_id: UUID | None = Field(default=None, foreign_key="partner.id", index=True)
    name: str = Field(default="", sa_column_kwargs={"server_default": ""})
    slot: int | None = None
    prefix: str = Field(unique=True)
    secret_hash: bytes
    scopes: list[str] = Field(sa_type=sa.JSON)
    created_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ApiKeyPetition(SQLModel, table=True):
    """A petition that a key is limited to. A key without rows may use all of its organisation's."""

    __tablename__ = "api_key_petition"

    api_key_id: UUID = Field(foreign_key="api_key.id", primary_key=True)
    petition_id: UUID = Field(foreign_key="petition.id", primary_key=True)
