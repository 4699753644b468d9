"""Organisers, and those who are invited to become one."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.base import UtcDateTime, choice, new_id
from models.encryption import PrivateText


class Role(StrEnum):
    """What an organiser may do. `web.organisers.desk` says which pages need which role.

    A viewer reads numbers. An editor also writes, and sees notes and contacts. An owner also opens
    campaigns, sees supporters and decides on people, keys, partners and webhooks.
    """

    OWNER = "owner"
    EDITOR = "editor"
    VIEWER = "viewer"


class Organiser(SQLModel, table=True):
    """A person who works for an organisation, and signs in with a password.

    Owners and editors need a second step. From `second_step_due_at` on, one who has none yet must
    set it up first; None means at once.
    """

    id: UUID = Field(default_factory=new_id, primary_key=True)
    organisation_id: UUID = Field(foreign_key="organisation.id", index=True)
    email: Any = Field(sa_type=PrivateText("organiser.email"))
    email_index: bytes = Field(unique=True)
    password_hash: str
    role: Role = Field(
        default=Role.OWNER,
        sa_type=choice(Role, "role"),
        sa_column_kwargs={"server_default": "owner"},
    )
    second_step_due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)


class Invitation(SQLModel, table=True):
    """An invitation, which is deleted when it is used or withdrawn, and with its inviter."""

    __tablename__ = "organiser_invitation"
    __table_args__ = (
        sa.UniqueConstraint("organisation_id", "email_index"),
        sa.Index("ix_organiser_invitation_invited_by_created_at", "invited_by", "created_at"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    organisation_id: UUID = Field(foreign_key="organisation.id")
    email: Any = Field(sa_type=PrivateText("organiser_invitation.email"))
    email_index: bytes
    role: Role = Field(sa_type=choice(Role, "role"))
    invited_by: UUID = Field(foreign_key="organiser.id", ondelete="CASCADE")
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
