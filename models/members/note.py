"""What an organisation's team keeps to itself about a member: notes and quick answers.

Both are personal data of members and their staff. They never leave the organisation's editors and
owners: no API, webhook, CSV file or phone list contains them. They go 12 months after the campaign
ends.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.base import UtcDateTime, choice, new_id
from models.encryption import PrivateText


class MemberNote(SQLModel, table=True):
    """A note on a member, a day on which to ring their office back, or both.

    `author` is the writer's email address as it was then: it outlives their account.
    `rung_back_at` is when somebody did ring back.
    """

    __tablename__ = "member_note"
    __table_args__ = (
        sa.CheckConstraint("text IS NOT NULL OR ring_back_on IS NOT NULL", name="not_empty"),
        sa.CheckConstraint("rung_back_at IS NULL OR ring_back_on IS NOT NULL", name="ring_back"),
        sa.Index("ix_member_note_campaign_id_member_id", "campaign_id", "member_id"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    organisation_id: UUID = Field(foreign_key="organisation.id")
    campaign_id: UUID = Field(foreign_key="campaign.id")
    member_id: int = Field(foreign_key="member.id")
    organiser_id: UUID | None = Field(
        default=None, foreign_key="organiser.id", ondelete="SET NULL", index=True
    )
    author: Any = Field(sa_type=PrivateText("member_note.author"))
    text: Any = Field(default=None, sa_type=PrivateText("member_note.text"), nullable=True)
    ring_back_on: date | None = None
    rung_back_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)


class QuickAnswerKind(StrEnum):
    """What a member's office told the team on the telephone."""

    WILL_SIGN = "will_sign"
    WILL_NOT = "will_not"
    NO_ANSWER = "no_answer"


class QuickAnswer(SQLModel, table=True):
    """One answer of a member's office about a campaign's motion. The newest one counts.

    It is a table of its own beside `member_reply`, whose verified rows are public: so that no query
    for the public can return a private answer.
    """

    __tablename__ = "quick_answer"
    __table_args__ = (
        sa.Index("ix_quick_answer_campaign_id_member_id", "campaign_id", "member_id"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    organisation_id: UUID = Field(foreign_key="organisation.id")
    campaign_id: UUID = Field(foreign_key="campaign.id")
    member_id: int = Field(foreign_key="member.id")
    organiser_id: UUID | None = Field(
        default=None, foreign_key="organiser.id", ondelete="SET NULL", index=True
    )
    author: Any = Field(sa_type=PrivateText("quick_answer.author"))
    kind: QuickAnswerKind = Field(sa_type=choice(QuickAnswerKind, "kind"))
    recorded_at: datetime = Field(sa_type=UtcDateTime)
