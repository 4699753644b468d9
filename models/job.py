"""What runs on a schedule, and what the official APIs asked us to respect."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from models.base import UtcDateTime


class Job(SQLModel, table=True):
    """A piece of work on a schedule. Whoever holds the lease runs it; nobody else does.

    `attempt` grows with every lease, so that a runner whose lease was taken over cannot end it.
    """

    name: str = Field(primary_key=True)
    due_at: datetime = Field(sa_type=UtcDateTime)
    leased_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    attempt: int = 0
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str | None = None


class OfficialApi(SQLModel, table=True):
    """An official API, by the name that we give it. `wait_until` outlives a restart."""

    __tablename__ = "official_api"

    name: str = Field(primary_key=True)
    wait_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    answered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    failed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str | None = None
