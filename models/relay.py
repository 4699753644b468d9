"""The state of mail relays, and the addresses that do not exist."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from models.base import UtcDateTime


class Relay(SQLModel, table=True):
    """A mail server that we send through, named by host and port. All workers share its state.

    `failures` counts failures in a row. We send nothing until `resting_until` has passed.
    `answered_at` is when it last worked again after it had been left alone.
    """

    name: str = Field(primary_key=True)
    failures: int = 0
    answered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    failed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str | None = None
    resting_until: datetime | None = Field(default=None, sa_type=UtcDateTime)


class DeadAddress(SQLModel, table=True):
    """An address that does not exist, as a mail server said. We send nothing to it any more.

    `address_index` recognises the address across organisations and cannot be read back.
    `member_id` is set for the address of a member.
    """

    __tablename__ = "dead_address"

    address_index: bytes = Field(primary_key=True)
    member_id: int | None = Field(default=None, foreign_key="member.id", index=True)
    detail: str
    found_at: datetime = Field(sa_type=UtcDateTime)
