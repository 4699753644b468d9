"""Where an organiser is signed in, the devices that we know, and the second step."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.base import UtcDateTime, new_id
from models.encryption import PrivateText


class OrganiserSession(SQLModel, table=True):
    """A browser that is signed in. `token_hash` is the SHA-256 of the cookie's token.

    `device` describes the browser in words, such as 'Firefox on Windows'. `campaign_id` is the
    campaign that was looked at last. A session without a `second_step_at` has only a password so
    far, where the account needs a second step.
    """

    __tablename__ = "organiser_session"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    organiser_id: UUID = Field(foreign_key="organiser.id", ondelete="CASCADE", index=True)
    token_hash: bytes = Field(unique=True)
    device: str = Field(max_length=60)
    campaign_id: UUID | None = Field(default=None, foreign_key="campaign.id", ondelete="SET NULL")
    second_step_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)
    seen_at: datetime = Field(sa_type=UtcDateTime, index=True)


class KnownDevice(SQLModel, table=True):
    """A browser that signed in before: limits on strangers do not stop it.

    `token_hash` is the SHA-256 of the token in its long-lived cookie, which allows nothing else.
    """

    __tablename__ = "organiser_device"

    token_hash: bytes = Field(primary_key=True)
    organiser_id: UUID = Field(foreign_key="organiser.id", ondelete="CASCADE", index=True)
    seen_at: datetime = Field(sa_type=UtcDateTime, index=True)


class SecondStep(SQLModel, table=True):
    """The secret of an organiser's authenticator app (TOTP, RFC 6238).

    It counts from `confirmed_at` on. `last_step` is the number of the period of 30 seconds whose
    code was used last: a code counts once.
    """

    __tablename__ = "organiser_second_step"

    organiser_id: UUID = Field(foreign_key="organiser.id", ondelete="CASCADE", primary_key=True)
    secret: Any = Field(sa_type=PrivateText("organiser_second_step.secret"))
    last_step: int = Field(default=0, sa_type=sa.BigInteger)
    confirmed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)


class RecoveryCode(SQLModel, table=True):
    """A code that replaces the second step once. `code_index` is a keyed hash of it."""

    __tablename__ = "organiser_recovery_code"

    organiser_id: UUID = Field(foreign_key="organiser.id", ondelete="CASCADE", primary_key=True)
    code_index: bytes = Field(primary_key=True)
