"""Answers to requests that carried an `Idempotency-Key`."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from models.base import UtcDateTime
from models.encryption import PrivateText


class IdempotencyKey(SQLModel, table=True):
    """A successful answer, stored to be replayed when the same request comes again with its key.

    `key_index` is a digest of the key and `fingerprint` one of the whole request; neither can be
    read back.
    """

    __tablename__ = "idempotency_key"

    key_index: bytes = Field(primary_key=True)
    fingerprint: bytes
    status: int
    answer: Any = Field(sa_type=PrivateText("idempotency_key.answer"))
    created_at: datetime = Field(sa_type=UtcDateTime, index=True)
