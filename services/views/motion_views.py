"""One motion with every name that is or was on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import (
    Campaign,
    CampaignMotion,
    CampaignStatus,
    Constituency,
    Member,
    Membership,
    Motion,
)
from services.errors import NotFound
from services.parliament import motions
from services.parliament.standing import Position, Role, Standing

_ROLES = (Role.PRIMARY, Role.SPONSOR, Role.SUPPORTER, None)


@dataclass(frozen=True, slots=True)
class NameOnMotion:
    """A member whose name is or was on a motion. Without a seat today `constituency` is None."""

    member: Member
    constituency: Constituency | None
    position: Position


@dataclass(frozen=True, slots=True)
class MotionView:
    """A motion, the slugs of the campaigns linked to it, and its names.

    The sponsors come first, then all others in the order in which they signed, then those who
    withdrew.
    """

    motion: Motion
    parliament_session: str | None
    campaigns: tuple[str, ...]
    names: tuple[NameOnMotion, ...]

    @property
    def signatories(self) -> int:
        """The number of members whose names are on the motion."""
        return self._count(Standing.SIGNED)

    @property
    def signed_in_seats(self) -> int:
        """The number of those of them who hold a seat today."""
        signed = (name for name in self.names if name.position.standing is Standing.SIGNED)
        return sum(name.constituency is not None for name in signed)

    @property
    def withdrawn(self) -> int:
        """The number of members who took their names off."""
        return self._count(Standing.WITHDRAWN)

    def _count(self, standing: Standing) -> int:
        return sum(name.position.standing is standing for name in self.names)


def of_motion(
    session: Session, motion_id: int, *, viewer: UUID | None, has_key: bool, today: date
) -> MotionView:
    """Returns a motion that we have, in a fixed number of statements.

    `viewer` is the organisation whose drafts count among `campaigns`. Raises NotFound where there
    is none, and without a key where it belongs to no public campaign.
    """
    motion = session.get(Motion, motion_id)
    slugs = _campaigns(session, motion_id, viewer)
    if motion is None or not (slugs or has_key):
        message = "There is no such motion here. Link it to a campaign, and we follow it."
        raise NotFound("motion_unknown", message)
    return MotionView(
        motion=motion,
        parliament_session=motions.session_name(session, motion),
        campaigns=slugs,
        names=tuple(sorted(_names(session, motion_id, today), key=_order)),
    )


def _campaigns(session: Session, motion_id: int, viewer: UUID | None) -> tuple[str, ...]:
    is_shown = col(Campaign.status) != CampaignStatus.DRAFT
    if viewer is not None:
        is_shown = sa.or_(is_shown, col(Campaign.organisation_id) == viewer)
    statement = (
        select(Campaign.slug)
        .join(CampaignMotion, col(CampaignMotion.campaign_id) == Campaign.id)
        .where(CampaignMotion.motion_id == motion_id, is_shown)
    )
    return tuple(sorted(session.exec(statement)))


def _names(session: Session, motion_id: int, today: date) -> Sequence[NameOnMotion]:
    positions = motions.positions(session, motion_id)
    ends_on = col(Membership.ends_on)
    is_open = sa.and_(
        col(Membership.member_id) == Member.id,
        col(Membership.starts_on) <= today,
        sa.or_(ends_on.is_(None), ends_on > today),
    )
    statement = (
        select(Member, Constituency)
        .outerjoin(Membership, is_open)
        .outerjoin(Constituency, col(Constituency.code) == Membership.constituency_code)
        .where(col(Member.id).in_(positions))
    )
    return [
        NameOnMotion(member, seat, positions[member.id]) for member, seat in session.exec(statement)
    ]


def _order(name: NameOnMotion) -> tuple[bool, int, datetime, int]:
    position = name.position
    day = position.signed_on or position.withdrawn_on or date.max
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    at = position.signed_at or begin
    is_off = position.standing is not Standing.SIGNED
    return (is_off, _ROLES.index(position.role), at, name.member.id)
