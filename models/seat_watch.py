"""Supporters who asked to be told when their vacant seat has a member again."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.base import UtcDateTime, new_id


class SeatWatch(SQLModel, table=True):
    """One supporter's request about one seat in one campaign. We notify each of them once."""

    __tablename__ = "seat_watch"
    __table_args__ = (
        sa.Index(
            "uq_seat_watch_waiting",
            "supporter_id",
            "campaign_id",
            "constituency_code",
            unique=True,
            sqlite_where=sa.text("told_at IS NULL"),
            postgresql_where=sa.text("told_at IS NULL"),
        ),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    supporter_id: UUID = Field(foreign_key="supporter.id")
    campaign_id: UUID = Field(foreign_key="campaign.id")
    constituency_code: str = Field(foreign_key="constituency.code", max_length=9)
    asked_at: datetime = Field(sa_type=UtcDateTime)
    told_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
