"""Members' replies about a campaign's motion."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.base import UtcDateTime, choice, new_id
from models.encryption import PrivateText


class ReplyKind(StrEnum):
    """The content of a reply, in one word."""

    WILL_SIGN = "will_sign"
    WILL_NOT = "will_not"
    UNDECIDED = "undecided"
    MINISTERS_REPLY = "ministers_reply"
    MEETING = "meeting"
    OTHER = "other"


class MemberReply(SQLModel, table=True):
    """One reply of a member. `verified_by` names the person who checked it; None: not checked yet.

    `api_key_id` is the key that said who checked it; None for what was checked before it was kept.
    `letter_id` is the letter whose writer reported the reply; it is None where an organiser
    recorded it. The text and the name are sealed, since a reply can reveal its constituent.
    """

    __tablename__ = "member_reply"
    __table_args__ = (
        sa.Index("ix_member_reply_campaign_id_member_id", "campaign_id", "member_id"),
        sa.Index("uq_member_reply_letter_id", "letter_id", unique=True),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    campaign_id: UUID = Field(foreign_key="campaign.id")
    motion_id: int | None = Field(default=None, foreign_key="motion.id")
    letter_id: UUID | None = Field(default=None, foreign_key="letter.id")
    member_id: int = Field(foreign_key="member.id", index=True)
    kind: ReplyKind = Field(sa_type=choice(ReplyKind, "kind"))
    text: Any = Field(default=None, sa_type=PrivateText("member_reply.text"), nullable=True)
    said_on: date
    link: str | None = None
    verified_by: Any = Field(
        default=None, sa_type=PrivateText("member_reply.verified_by"), nullable=True
    )
    api_key_id: UUID | None = Field(default=None, foreign_key="api_key.id")
    recorded_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
