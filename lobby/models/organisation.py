"""Organisations, and who acts for them: organisers, partners and keys."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from lobby.models.base import UtcDateTime, new_id
from lobby.models.private import PrivateText


class Organisation(SQLModel, table=True):
    """Who campaigns. Sees only its own rows. A demonstration's is marked on every page."""

    id: UUID = Field(default_factory=new_id, primary_key=True)
    slug: str = Field(unique=True)
    name: str
    is_demonstration: bool = False
    created_at: datetime = Field(sa_type=UtcDateTime)


class Organiser(SQLModel, table=True):
    """A person who runs campaigns for an organisation, and signs in with a password."""

    id: UUID = Field(default_factory=new_id, primary_key=True)
    organisation_id: UUID = Field(foreign_key="organisation.id", index=True)
    email: Any = Field(sa_type=PrivateText("organiser.email"))
    email_index: bytes = Field(unique=True)
    password_hash: str
    created_at: datetime = Field(sa_type=UtcDateTime)


class Partner(SQLModel, table=True):
    """An organisation whose site posts signatures to a campaign of ours.

    `allowed_origins` are the sites that may show our form as theirs: `https://example.org`.
    """

    __table_args__ = (sa.UniqueConstraint("organisation_id", "slug"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    organisation_id: UUID = Field(foreign_key="organisation.id")
    slug: str
    name: str
    website: str | None = None
    allowed_origins: list[str] = Field(
        default_factory=list, sa_column=sa.Column(sa.JSON, nullable=False, server_default="[]")
    )
    created_at: datetime = Field(sa_type=UtcDateTime)


class Scope(StrEnum):
    """What a key may do. `letters:read` tells how letters go, and only with `letters:writers` as
    well whose they are."""

    CAMPAIGNS_WRITE = "campaigns:write"
    SIGNATURES_WRITE = "signatures:write"
    SIGNATURES_IMPORT = "signatures:import"
    SIGNATURES_READ = "signatures:read"
    TALLIES_READ = "tallies:read"
    LETTERS_READ = "letters:read"
    LETTERS_WRITERS = "letters:writers"
    WEBHOOKS_WRITE = "webhooks:write"
    ACTION_NETWORK = "action_network"


class ApiKey(SQLModel, table=True):
    """A key. Only the SHA-256 of its secret is kept: 256 random bits need no slow hash.

    `name` says in its owner's words where it is used. It ends when it is revoked or has expired.
    """

    __tablename__ = "api_key"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    organisation_id: UUID = Field(foreign_key="organisation.id", index=True)
    partner_id: UUID | None = Field(default=None, foreign_key="partner.id", index=True)
    name: str = Field(default="", sa_column_kwargs={"server_default": ""})
    prefix: str = Field(unique=True)
    secret_hash: bytes
    scopes: list[str] = Field(sa_type=sa.JSON)
    created_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ApiKeyPetition(SQLModel, table=True):
    """A petition that a key may post to. A key without any may post to all of its organisation."""

    __tablename__ = "api_key_petition"

    api_key_id: UUID = Field(foreign_key="api_key.id", primary_key=True)
    petition_id: UUID = Field(foreign_key="petition.id", primary_key=True)
