"""The motions that a campaign is linked to: the current one, earlier ones, and amendments."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import (
    Campaign,
    CampaignMotion,
    CampaignStatus,
    Letter,
    Motion,
    MotionSignatory,
    ParliamentSession,
)
from services.errors import Conflict, Invalid, NotFound
from services.parliament import seats


class MotionRole(StrEnum):
    """The role of a motion in a campaign; at most one is current, and never an amendment."""

    CURRENT = "current"
    EARLIER = "earlier"
    AMENDMENT = "amendment"


_ORDER = (MotionRole.CURRENT, MotionRole.AMENDMENT, MotionRole.EARLIER)


@dataclass(frozen=True, slots=True)
class LinkedMotion:
    """A campaign's motion.

    `signatories` counts the distinct members who have signed it, `signed_in_seats` those of them
    who hold a seat today, and `withdrawn` those who removed their names; `parliament_session` is a
    name such as '2026-27'.
    """

    motion: Motion
    role: MotionRole
    parliament_session: str | None
    signatories: int
    signed_in_seats: int
    withdrawn: int
    linked_at: datetime


def of_campaign(session: Session, campaign_id: UUID, *, today: date) -> tuple[LinkedMotion, ...]:
    """Returns the motions of one campaign: see `of_campaigns`."""
    return of_campaigns(session, [campaign_id], today=today)[campaign_id]


def of_campaigns(
    session: Session, campaign_ids: list[UUID], *, today: date
) -> dict[UUID, tuple[LinkedMotion, ...]]:
    """Returns the linked motions of several campaigns, in two statements.

    The current motion comes first, then amendments, then earlier ones; within a role, the newest
    first.
    """
    statement = (
        select(CampaignMotion, Motion, ParliamentSession.name)
        .join(Motion, col(Motion.id) == CampaignMotion.motion_id)
        .outerjoin(ParliamentSession, col(ParliamentSession.id) == Motion.parliament_session_id)
        .where(col(CampaignMotion.campaign_id).in_(campaign_ids))
        .order_by(col(Motion.tabled_on).desc(), col(Motion.id).desc())
    )
    rows = session.exec(statement).all()
    counts = _signatory_counts(session, {motion.id for _, motion, _ in rows}, today)
    by_campaign: defaultdict[UUID, list[LinkedMotion]] = defaultdict(list)
    for link, motion, session_name in rows:
        numbers = counts.get(motion.id, (0, 0, 0))
        linked = LinkedMotion(motion, role_of(link), session_name, *numbers, link.linked_at)
        by_campaign[link.campaign_id].append(linked)
    return {
        campaign_id: tuple(
            sorted(by_campaign[campaign_id], key=lambda linked: _ORDER.index(linked.role))
        )
        for campaign_id in campaign_ids
    }


def role_of(link: CampaignMotion) -> MotionRole:
    """Returns the role that a link gives its motion."""
    if link.is_current:
        return MotionRole.CURRENT
    return MotionRole.AMENDMENT if link.is_amendment else MotionRole.EARLIER


def link(
    session: Session,
    campaign: Campaign,
    motion_id: int,
    *,
    now: datetime,
    role: MotionRole = MotionRole.CURRENT,
) -> None:
    """Link a stored motion to a campaign, or change its role.

    A new current motion turns the previous one into an earlier one. Raises Invalid if the role does
    not fit what the motion amends, and Conflict if the current motion would lose its role: letters
    need a current motion, so another one has to be made current instead.
    """
    links = _links(session, campaign)
    existing = links.get(motion_id)
    if existing is not None and role_of(existing) is role:
        return
    if existing is not None and existing.is_current:
        raise _current_motion_conflict(
            "Make another one current, and this one becomes an earlier one."
        )
    _require_fit(session.get_one(Motion, motion_id), role, links.keys())
    if role is MotionRole.CURRENT:
        for other in links.values():
            other.is_current = False
        campaign.runs_without_motion = False
        session.flush()  # a constraint allows one current motion at any moment
    linked = existing or CampaignMotion(campaign_id=campaign.id, motion_id=motion_id, linked_at=now)
    linked.is_current = role is MotionRole.CURRENT
    linked.is_amendment = role is MotionRole.AMENDMENT
    session.add(linked)
    _touch(session, campaign, now)


def unlink(session: Session, campaign: Campaign, motion_id: int, *, now: datetime) -> None:
    """Remove a link that was made by mistake; letters keep their motion.

    Raises NotFound if the motion is not linked, and Conflict for the current one.
    """
    existing = _links(session, campaign).get(motion_id)
    if existing is None:
        message = f"The campaign '{campaign.slug}' is not linked to a motion {motion_id}."
        raise NotFound("motion_not_linked", message)
    if existing.is_current:
        raise _current_motion_conflict("Make another one current before you take this one off.")
    session.delete(existing)
    _touch(session, campaign, now)


def take_off_current(session: Session, campaign: Campaign, *, now: datetime) -> None:
    """Removes the current motion of a draft; nothing happens if it has none.

    Raises Conflict if the campaign is not a draft, or has letters about a motion: those need one.
    """
    current = next((link for link in _links(session, campaign).values() if link.is_current), None)
    if current is None:
        return
    about_one = (Letter.campaign_id == campaign.id, col(Letter.motion_id).is_not(None))
    letters = select(Letter.id).where(*about_one).limit(1)
    if campaign.status is not CampaignStatus.DRAFT or session.exec(letters).first() is not None:
        raise _current_motion_conflict("Its letters need one: choose another motion instead.")
    session.delete(current)
    _touch(session, campaign, now)


def _links(session: Session, campaign: Campaign) -> dict[int, CampaignMotion]:
    """Returns links by motion id, with the campaign locked so that changes are made in turn."""
    session.exec(select(Campaign.id).where(Campaign.id == campaign.id).with_for_update()).one()
    statement = select(CampaignMotion).where(CampaignMotion.campaign_id == campaign.id)
    return {link.motion_id: link for link in session.exec(statement)}


def _require_fit(motion: Motion, role: MotionRole, linked: Collection[int]) -> None:
    """Raises Invalid if the motion amends another one and the role or the links do not allow it."""
    if motion.amends_id is None:
        return
    if role is not MotionRole.AMENDMENT:
        message = f"Motion {motion.number} is an amendment: link it with the role 'amendment'."
        raise Invalid.field("motion_id", "motion_is_amendment", message)
    if motion.amends_id not in linked:
        message = f"This amends motion {motion.amends_id}, which is none of the campaign's."
        raise Invalid.field("motion_id", "amends_another_motion", message)


def _touch(session: Session, campaign: Campaign, now: datetime) -> None:
    campaign.updated_at = now
    session.add(campaign)
    session.flush()


def _current_motion_conflict(what_to_do: str) -> Conflict:
    return Conflict("motion_is_current", f"This is the campaign's current motion. {what_to_do}")


def _signatory_counts(
    session: Session, motion_ids: set[int], today: date
) -> dict[int, tuple[int, int, int]]:
    """Returns by motion how many distinct members have signed, have a seat, and have withdrawn."""
    member, is_withdrawn = col(MotionSignatory.member_id), col(MotionSignatory.is_withdrawn)
    signed = sa.func.count(sa.distinct(sa.case((~is_withdrawn, member))))
    in_seats = sa.and_(~is_withdrawn, seats.holds_seat(member, sa.literal(today, sa.Date)))
    signed_in_seats = sa.func.count(sa.distinct(sa.case((in_seats, member))))
    ever = sa.func.count(sa.distinct(member))
    statement = (
        select(MotionSignatory.motion_id, signed, signed_in_seats, ever)
        .where(col(MotionSignatory.motion_id).in_(motion_ids))
        .group_by(col(MotionSignatory.motion_id))
    )
    return {
        motion_id: (live, seated, total - live)
        for motion_id, live, seated, total in session.exec(statement)
    }
