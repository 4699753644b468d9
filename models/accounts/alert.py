"""What organisers want to be told by mail, and the digests that tell them."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.base import UtcDateTime, choice, new_id


class AlertKind(StrEnum):
    """What a digest tells of."""

    NAMES = "names"  # a member signed, or took their name off
    MOTION = "motion"  # the motion was withdrawn, or fell with its session
    SYNC = "sync"  # Parliament's list can't be read
    GOAL = "goal"  # the campaign's goal for MPs is reached
    QUEUE = "queue"  # letters or mails don't go out


class AlertInterval(StrEnum):
    """How often an organiser gets a digest at most; one without news is not sent."""

    HOUR = "hour"
    DAY = "day"


class AlertChoice(SQLModel, table=True):
    """What an organiser wants to be told. Somebody without a row wants nothing.

    News until `told_at` is told. `told` names the troubles that were told and have not ended, so
    that each is told once.
    """

    __tablename__ = "organiser_alert_choice"

    organiser_id: UUID = Field(foreign_key="organiser.id", ondelete="CASCADE", primary_key=True)
    kinds: list[str] = Field(default_factory=list, sa_type=sa.JSON)
    every: AlertInterval = Field(sa_type=choice(AlertInterval, "every"))
    told_at: datetime = Field(sa_type=UtcDateTime)
    told: list[str] = Field(default_factory=list, sa_type=sa.JSON)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class AlertDigest(SQLModel, table=True):
    """The content of one digest: public facts about members and motions, and counts.

    `services/alerts/` defines the JSON in `content`.
    """

    __tablename__ = "organiser_alert_digest"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    organiser_id: UUID = Field(foreign_key="organiser.id", ondelete="CASCADE", index=True)
    content: dict[str, Any] = Field(default_factory=dict, sa_type=sa.JSON)
    created_at: datetime = Field(sa_type=UtcDateTime, index=True)
