"""Campaigns, their news and dates, and the motions that they are linked to."""

from datetime import date, datetime
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

    `purpose` is what the motion asks for, in half a sentence that follows 'which asks the
    government to'. `outcome` and `outcome_on` tell how a campaign ended. The point at a place of
    `letter_points_welsh` translates that of `letter_points`; an empty one is not translated.
    With `runs_without_motion`, its organisers have said that there is no motion to sign.
    `member_goal` is how many MPs the campaign wants on its motion. `opened_at` is when it first
    opened, and `ended_at` when it last ended; None while it runs.
    """

    __table_args__ = (
        sa.CheckConstraint("letters_per_hour > 0", name="letters_per_hour"),
        sa.CheckConstraint("letters_per_member_day > 0", name="letters_per_member_day"),
        sa.CheckConstraint("likeness_limit BETWEEN 1 AND 100", name="likeness_limit"),
        sa.CheckConstraint("member_goal BETWEEN 1 AND 650", name="member_goal"),
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
    hero_line: str = Field(default="", sa_column_kwargs={"server_default": ""})
    purpose: str = Field(default="", sa_column_kwargs={"server_default": ""})
    purpose_welsh: str = Field(default="", sa_column_kwargs={"server_default": ""})
    outcome: str = Field(default="", sa_column_kwargs={"server_default": ""})
    outcome_on: date | None = None
    letter_points: list[str] = Field(default_factory=list, sa_type=sa.JSON)
    letter_points_welsh: list[str] = Field(
        default_factory=list, sa_type=sa.JSON, sa_column_kwargs={"server_default": "[]"}
    )
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
    runs_without_motion: bool = Field(
        default=False, sa_column_kwargs={"server_default": sa.false()}
    )
    member_goal: int | None = None
    opened_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class CampaignUpdate(SQLModel, table=True):
    """A news item of a campaign. `body` is in the small Markdown of `services.common.markdown`.

    `slug` names it in its address, and stays when the title changes.
    """

    __tablename__ = "campaign_update"
    __table_args__ = (sa.Index("uq_campaign_update_slug", "campaign_id", "slug", unique=True),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    campaign_id: UUID = Field(foreign_key="campaign.id", index=True)
    slug: str = Field(max_length=100)
    title: str
    body: str
    published_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class EventKind(StrEnum):
    """What happens on a campaign's date."""

    DEBATE = "debate"
    DELIVERY = "delivery"
    VOTE = "vote"
    OTHER = "other"


class CampaignEvent(SQLModel, table=True):
    """A date of a campaign, such as a debate or the delivery of its petition.

    `day` is the day in London. `starts_at` is a moment of that day, or None where only the day is
    known.
    """

    __tablename__ = "campaign_event"
    __table_args__ = (sa.Index("ix_campaign_event_campaign_id_day", "campaign_id", "day"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    campaign_id: UUID = Field(foreign_key="campaign.id")
    kind: EventKind = Field(sa_type=choice(EventKind, "kind"))
    title: str
    text: str = ""
    place: str = ""
    link: str | None = None
    day: date
    starts_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


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
