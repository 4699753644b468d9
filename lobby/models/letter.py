"""A constituent's e-mail to their MP about a motion."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from lobby.models.base import UtcDateTime, choice, new_id
from lobby.models.private import PrivateText


class LetterState(StrEnum):
    """From the writer's form to the MP's office."""

    PENDING = "pending"
    QUEUED = "queued"
    SENT = "sent"
    HELD = "held"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    UNCERTAIN = "uncertain"


class LetterVariant(StrEnum):
    """Which kind of letter a member gets; it follows from standing and eligibility."""

    ASK = "ask"
    THANK = "thank"
    MINISTER = "minister"
    ANOTHER_WAY = "another_way"


class Letter(SQLModel, table=True):
    """One letter per supporter, member and motion. `reason` says why one is held or was refused."""

    __table_args__ = (sa.UniqueConstraint("supporter_id", "member_id", "motion_id"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    campaign_id: UUID = Field(foreign_key="campaign.id", index=True)
    motion_id: int = Field(foreign_key="motion.id")
    member_id: int = Field(foreign_key="member.id")
    supporter_id: UUID = Field(foreign_key="supporter.id")
    constituency_code: str = Field(foreign_key="constituency.code", max_length=9)
    state: LetterState = Field(default=LetterState.PENDING, sa_type=choice(LetterState, "state"))
    variant: LetterVariant = Field(sa_type=choice(LetterVariant, "variant"))
    name: Any = Field(sa_type=PrivateText("letter.name"))
    address: Any = Field(sa_type=PrivateText("letter.address"))
    subject: Any = Field(sa_type=PrivateText("letter.subject"))
    body: Any = Field(sa_type=PrivateText("letter.body"))
    reason: str | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)
    confirmed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class LetterTally(SQLModel, table=True):
    """Letters of a campaign about a motion, per constituency, kept as `petition_tally` is."""

    __tablename__ = "letter_tally"
    __table_args__ = (sa.CheckConstraint("sent >= 0 AND opened >= 0", name="not_negative"),)

    campaign_id: UUID = Field(foreign_key="campaign.id", primary_key=True)
    motion_id: int = Field(foreign_key="motion.id", primary_key=True)
    constituency_code: str = Field(foreign_key="constituency.code", primary_key=True, max_length=9)
    sent: int = 0
    opened: int = 0
