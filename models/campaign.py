"""What an organisation fights for, its news, and the motions it is linked to."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.base import UtcDateTime, choice, new_id


class CampaignStatus(StrEnum):
    """A draft is seen by its own organisation only; only an open campaign takes part."""

    DRAFT = "draft"
    OPEN = "open"
    CLOSED = "closed"
    WON = "won"
    LOST = "lost"


class Campaign(SQLModel, table=True):
    """A campaign. `nations` limits it to some; None means all four.

    `letters_per_hour` and `letters_per_member_day` spread its letters out; None: no limit.
    `likeness_limit` is in percent: a letter more like the earlier ones than that is to be changed,
    as advice or, where `likeness_is_required`, as a condition. Where `own_words_are_required`, a
    letter without a sentence of the writer's own is not taken in.
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
        # The column keeps its first name: renaming it would need a migration for nothing.
        sa_column_kwargs={"name": "post_paused_at", "key": "letters_paused_at"},
    )
    likeness_limit: int | None = None
    likeness_is_required: bool = False
    own_words_are_required: bool = False
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class CampaignUpdate(SQLModel, table=True):
    """A piece of news."""

    __tablename__ = "campaign_update"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    campaign_id: UUID = Field(foreign_key="campaign.id", index=True)
    title: str
    body: str
    published_at: datetime = Field(sa_type=UtcDateTime)


class CampaignMotion(SQLModel, table=True):
    """A motion that a campaign is linked to; at most one is current.

    The others are earlier ones, such as that of the last session, or amendments, which are motions
    of their own.
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
