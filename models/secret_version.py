"""The versions of the secret key."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.base import UtcDateTime

LAST_VERSION = 255  # sealed values have one byte for it


class SecretVersion(SQLModel, table=True):
    """A secret under which values are sealed. The secret itself is not stored.

    `root` is the root of all keys for look-ups, sealed under this secret: `Keyring.seal_root`. It
    is the same in all rows, so that any secret leads to the same indexes, and no other secret opens
    it. No value is left under a version that is retired.
    """

    __tablename__ = "secret"
    __table_args__ = (sa.CheckConstraint(f"version BETWEEN 1 AND {LAST_VERSION}", name="version"),)

    version: int = Field(
        sa_column=sa.Column(sa.SmallInteger, primary_key=True, autoincrement=False)
    )
    root: bytes
    created_at: datetime = Field(sa_type=UtcDateTime)
    retired_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
