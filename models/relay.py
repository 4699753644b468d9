"""What we know of where mail goes: relays, and addresses that are dead."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from models.base import UtcDateTime


class Relay(SQLModel, table=True):
    """A mail server that we hand messages to, by host and port. Every worker sees the same.

    `failures` counts trouble in a row; while `resting_until` is to come nothing is handed over.
    """

    name: str = Field(primary_key=True)
    failures: int = 0
    answered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    failed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str | None = None
    resting_until: datetime | None = Field(default=None, sa_type=UtcDateTime)


class DeadAddress(SQLModel, table=True):
    """An address that a mail server said does not exist: nothing is sent there any more.

    `address_index` recognises it across organisations and cannot be read back. `member_id` says
    whose it is, where it is a member's.
    """

    __tablename__ = "dead_address"

    address_index: bytes = Field(primary_key=True)
    member_id: int | None = Field(default=None, foreign_key="member.id", index=True)
    detail: str
    found_at: datetime = Field(sa_type=UtcDateTime)
