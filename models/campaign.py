"""Campaigns, their news, and the motions that they are linked to."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.base import UtcDateTime, choice, new_id


class CampaignStatus(StrEnum):
    """Only its own organisation sees a draft. Only an open campaign takes letters."""

    DRAFT = "draft"
    OPEN = "open"
    CLOSED = "closed"
    WON = "won"
    LOST = "lost"


class Campaign(SQLModel, table=True):
    """A campaign. `nations` limits it to some nations; None means all four.

    `letters_per_hour` and `letters_per_member_day` limit how fast its letters go; None means no
    limit. `likeness_limit` is a percentage: a letter that is more like earlier ones gets advice to
    change it or, with `likeness_is_required`, is refused. With `own_words_are_required`, a letter
    without a sentence of the writer's own is refused.
    """

    __table_args__ = (
        sa.CheckConstraint("letters_per_hour > 0", name="letters_per_hour"),
        sa.CheckConstraint("letters_per_member_day > 0", name="letters_per_member_day"),
        sa.CheckConstraint("likeness_limit BETWEEN 1 AND 100", name="likeness_limit"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    organisation_id: UUID = Field(foreign_key="organisation.id", index=True)
    slug: str = Field(unique=True)
    title: str
    summary: str
    body: str = ""
    status: CampaignStatus = Field(
        default=CampaignStatus.OPEN, sa_type=choice(CampaignStatus, "status")
    )
    nations: list[str] | None = Field(default=None, sa_type=sa.JSON(none_as_null=True))
    letter_points: list[str] = Field(default_factory=list, sa_type=sa.JSON)
    letters_per_hour: int | None = None
    letters_per_member_day: int | None = None
    letters_paused_at: datetime | None = Field(
        default=None,
        sa_type=UtcDateTime,
        # Renaming the column would need a migration and change nothing for users.
        sa_column_kwargs={"name": "post_paused_at", "key": "letters_paused_at"},
    )
    likeness_limit: int | None = None
    likeness_is_required: bool = False
    own_words_are_required: bool = False
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class CampaignUpdate(SQLModel, table=True):
    """A news item of a campaign."""

    __tablename__ = "campaign_update"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    campaign_id: UUID = Field(foreign_key="campaign.id", index=True)
    title: str
    body: str
    published_at: datetime = Field(sa_type=UtcDateTime)


class CampaignMotion(SQLModel, table=True):
    """A motion that a campaign is linked to. At most one is current.

    The others are earlier motions, such as that of the last session, or amendments, which
    Parliament lists as motions of their own.
    """

    __tablename__ = "campaign_motion"
    __table_args__ = (
        sa.Index(
            "uq_campaign_motion_current",
            "campaign_id",
            unique=True,
            sqlite_where=sa.text("is_current"),
            postgresql_where=sa.text("is_current"),
        ),
        sa.CheckConstraint("NOT (is_current AND is_amendment)", name="one_role"),
    )

    campaign_id: UUID = Field(foreign_key="campaign.id", primary_key=True)
    motion_id: int = Field(foreign_key="motion.id", primary_key=True)
    is_current: bool = True
    is_amendment: bool = False
    linked_at: datetime = Field(sa_type=UtcDateTime)
