"""Members of Parliament, the seats they held, and the offices that limit their freedom to sign."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.base import UtcDateTime, choice, new_id


class Member(SQLModel, table=True):
    """An MP, keyed by Parliament's member id. `email` is the published address of their staff.

    `salutation` is how a letter addresses them: 'Ms Ferncastle', 'Sir Keir'. It is empty where
    their title is unknown.
    """

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    name: str
    party: str
    email: str | None = None
    salutation: str = Field(default="", sa_column_kwargs={"server_default": ""})


class Membership(SQLModel, table=True):
    """A member's time in a constituency. A seat, and a member, has at most one open membership."""

    __table_args__ = (
        sa.Index(
            "uq_membership_open_seat",
            "constituency_code",
            unique=True,
            sqlite_where=sa.text("ends_on IS NULL"),
            postgresql_where=sa.text("ends_on IS NULL"),
        ),
        sa.Index(
            "uq_membership_open_member",
            "member_id",
            unique=True,
            sqlite_where=sa.text("ends_on IS NULL"),
            postgresql_where=sa.text("ends_on IS NULL"),
        ),
        sa.CheckConstraint("ends_on IS NULL OR ends_on >= starts_on", name="ends_after_start"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    member_id: int = Field(foreign_key="member.id", index=True)
    constituency_code: str = Field(foreign_key="constituency.code", index=True, max_length=9)
    starts_on: date
    ends_on: date | None = None


class OfficeKind(StrEnum):
    """Offices whose holders do not normally sign motions."""

    MINISTER = "minister"
    WHIP = "whip"
    PPS = "pps"
    SPEAKER = "speaker"
    DEPUTY_SPEAKER = "deputy_speaker"


class Office(SQLModel, table=True):
    """An office that a member held or holds, from a day to a day."""

    __tablename__ = "post"  # its first name: renaming a table needs a migration for nothing
    __table_args__ = (
        sa.Index(
            "uq_post_open",
            "member_id",
            "title",
            unique=True,
            sqlite_where=sa.text("ends_on IS NULL"),
            postgresql_where=sa.text("ends_on IS NULL"),
        ),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    member_id: int = Field(foreign_key="member.id")
    kind: OfficeKind = Field(sa_type=choice(OfficeKind, "kind"))
    title: str
    starts_on: date
    ends_on: date | None = None


class OverrideKind(StrEnum):
    """What an organiser can record about a member.

    `refuses` (signs no motions at all) and `pps` apply to all campaigns of the organisation; the
    other two record what the member said about one campaign's motion.
    """

    REFUSES = "refuses"
    PPS = "pps"
    SAYS_WILL_SIGN = "says_will_sign"
    SAYS_WILL_NOT = "says_will_not"

    @property
    def is_of_campaign(self) -> bool:
        """True for a statement about one campaign's motion."""
        return self in (OverrideKind.SAYS_WILL_SIGN, OverrideKind.SAYS_WILL_NOT)


class MemberOverride(SQLModel, table=True):
    """An organiser's note on a member, with a link to its source. It is ended, never deleted.

    It applies from `starts_on` to `ends_on`, and ends with the membership in which it began.
    `organiser_id` recorded it on the desk, or `api_key_id` through the API; both are None for what
    was recorded before this was kept, and where the organiser was removed.
    """

    __tablename__ = "member_override"
    __table_args__ = (
        sa.CheckConstraint(
            "(campaign_id IS NOT NULL) = (kind IN ('says_will_sign', 'says_will_not'))",
            name="campaign_fits_kind",
        ),
        sa.CheckConstraint("ends_on IS NULL OR ends_on >= starts_on", name="ends_after_start"),
        sa.Index("ix_member_override_organisation_id_member_id", "organisation_id", "member_id"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    organisation_id: UUID = Field(foreign_key="organisation.id")
    campaign_id: UUID | None = Field(default=None, foreign_key="campaign.id")
    member_id: int = Field(foreign_key="member.id")
    kind: OverrideKind = Field(sa_type=choice(OverrideKind, "kind"))
    reason: str
    link: str
    starts_on: date
    ends_on: date | None = None
    organiser_id: UUID | None = Field(
        default=None, foreign_key="organiser.id", ondelete="SET NULL", index=True
    )
    api_key_id: UUID | None = Field(default=None, foreign_key="api_key.id")
    recorded_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
