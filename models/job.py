"""Scheduled jobs, and the waits that Parliament's APIs have asked for."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from models.base import UtcDateTime


class Job(SQLModel, table=True):
    """A scheduled job. Only the process that holds its lease runs it.

    `attempt` grows with every lease, so that a process that lost its lease cannot finish the job.
    """

    name: str = Field(primary_key=True)
    due_at: datetime = Field(sa_type=UtcDateTime)
    leased_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    attempt: int = 0
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str | None = None


class OfficialApi(SQLModel, table=True):
    """The state of one of Parliament's APIs. `wait_until` survives a restart."""

    __tablename__ = "official_api"

    name: str = Field(primary_key=True)
    wait_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    answered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    failed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str | None = None
