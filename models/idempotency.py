"""Requests that came with a key of their sender's, and how they were answered."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from models.base import UtcDateTime
from models.encryption import PrivateText


class IdempotencyKey(SQLModel, table=True):
    """A good answer, kept for whoever sends the same request with the same key again.

    `key_index` recognises the key and `fingerprint` the whole request; neither can be read back.
    """

    __tablename__ = "idempotency_key"

    key_index: bytes = Field(primary_key=True)
    fingerprint: bytes
    status: int
    answer: Any = Field(sa_type=PrivateText("idempotency_key.answer"))
    created_at: datetime = Field(sa_type=UtcDateTime, index=True)
