"""Motions (Early Day Motions), the members who signed them, and the sessions of Parliament."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.base import UtcDateTime, choice, new_id


class ParliamentSession(SQLModel, table=True):
    """A session of Parliament. Its motions lapse when it ends (prorogation or dissolution)."""

    __tablename__ = "parliament_session"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    starts_on: date
    ends_on: date | None = None


class MotionStatus(StrEnum):
    """A motion's status from Parliament. `lapsed` is our own: its session has ended."""

    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


class Motion(SQLModel, table=True):
    """A motion, keyed by Parliament's `Id`. `number` is the UIN, which restarts every session.

    `synced_at` is the time of the last good answer from Parliament. A bad answer sets
    `sync_failed_at`, and the next good one clears it. `etag` and `last_modified` came with the last
    good answer. `amends_id` is the id of the motion that this one would amend.
    """

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    number: str
    title: str
    text: str
    tabled_on: date
    status: MotionStatus = Field(
        default=MotionStatus.PUBLISHED, sa_type=choice(MotionStatus, "status")
    )
    parliament_session_id: int | None = Field(default=None, foreign_key="parliament_session.id")
    synced_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    sync_failed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    sync_error: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    amends_id: int | None = None


class MotionSignatory(SQLModel, table=True):
    """A member's name under a motion, keyed by Parliament's `Sponsors[].Id`.

    A member can appear twice, so count distinct members. `sponsoring_order` is 1 for the primary
    sponsor, 2 to 6 for sponsors, and None where Parliament does not say. Parliament rewrites
    `CreatedWhen` at a withdrawal; our `first_seen_at` stays. `signed_at` is the moment of signing
    that Parliament gave before that, and `withdrawn_at` that of the withdrawal; None where it gave
    only a day. `missing_since` is the time
    since when good answers have left the row out, which Parliament does not do with a withdrawn
    name.
    """

    __tablename__ = "motion_signatory"
    __table_args__ = (
        sa.Index("ix_motion_signatory_motion_id_member_id", "motion_id", "member_id"),
    )

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    motion_id: int = Field(foreign_key="motion.id")
    member_id: int = Field(foreign_key="member.id")
    sponsoring_order: int | None = None
    signed_on: date
    signed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    first_seen_at: datetime = Field(sa_type=UtcDateTime)
    is_withdrawn: bool = False
    withdrawn_on: date | None = None
    withdrawn_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    missing_since: datetime | None = Field(default=None, sa_type=UtcDateTime)


class MotionEventKind(StrEnum):
    """The events of a motion and of the names under it."""

    TABLED = "tabled"
    SIGNED = "signed"
    WITHDRAWN = "withdrawn"
    RESTORED = "restored"
    AMENDED = "amended"
    MOTION_WITHDRAWN = "motion_withdrawn"
    MOTION_RESTORED = "motion_restored"
    LAPSED = "lapsed"


class MotionEvent(SQLModel, table=True):
    """One event: the day that Parliament gives, and the time at which we first saw it.

    `happened_at` is the moment that Parliament gives; None if it gives only the day.
    `member_id` is None for an event of the motion itself. Rows are the history of every name: they
    are never deleted, and only a missing `happened_at` is filled in.
    """

    __tablename__ = "motion_event"
    __table_args__ = (sa.Index("ix_motion_event_motion_id_seen_at", "motion_id", "seen_at"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    motion_id: int = Field(foreign_key="motion.id")
    member_id: int | None = Field(default=None, foreign_key="member.id")
    kind: MotionEventKind = Field(sa_type=choice(MotionEventKind, "kind"))
    happened_on: date
    happened_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    seen_at: datetime = Field(sa_type=UtcDateTime)
