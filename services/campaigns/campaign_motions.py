"""The motions that a campaign is linked to: the current one, earlier ones, and amendments."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import Campaign, CampaignMotion, Motion, MotionSignatory, ParliamentSession
from services.errors import Conflict, Invalid, NotFound


class MotionRole(StrEnum):
    """Of a motion in a campaign; at most one is current, and an amendment never is."""

    CURRENT = "current"
    EARLIER = "earlier"
    AMENDMENT = "amendment"


_ORDER = (MotionRole.CURRENT, MotionRole.AMENDMENT, MotionRole.EARLIER)


@dataclass(frozen=True, slots=True)
class LinkedMotion:
    """A campaign's motion. `signatories` are distinct members whose names stand, `withdrawn` those
    who took theirs off; `parliament_session` is a name such as '2026-27'."""

    motion: Motion
    role: MotionRole
    parliament_session: str | None
    signatories: int
    withdrawn: int
    linked_at: datetime


def of_campaign(session: Session, campaign_id: UUID) -> tuple[LinkedMotion, ...]:
    """As `of_campaigns`, of one."""
    return of_campaigns(session, [campaign_id])[campaign_id]


def of_campaigns(
    session: Session, campaign_ids: list[UUID]
) -> dict[UUID, tuple[LinkedMotion, ...]]:
    """Every linked motion of several campaigns, in two statements.

    The current one comes first, then amendments, then earlier ones; of a role, the newest first.
    """
    statement = (
        select(CampaignMotion, Motion, ParliamentSession.name)
        .join(Motion, col(Motion.id) == CampaignMotion.motion_id)
        .outerjoin(ParliamentSession, col(ParliamentSession.id) == Motion.parliament_session_id)
        .where(col(CampaignMotion.campaign_id).in_(campaign_ids))
        .order_by(col(Motion.tabled_on).desc(), col(Motion.id).desc())
    )
    rows = session.exec(statement).all()
    counts = _names(session, {motion.id for _, motion, _ in rows})
    found: defaultdict[UUID, list[LinkedMotion]] = defaultdict(list)
    for link, motion, lived_in in rows:
        standing, withdrawn = counts.get(motion.id, (0, 0))
        linked = LinkedMotion(motion, role_of(link), lived_in, standing, withdrawn, link.linked_at)
        found[link.campaign_id].append(linked)
    return {
        campaign_id: tuple(sorted(found[campaign_id], key=lambda each: _ORDER.index(each.role)))
        for campaign_id in campaign_ids
    }


def role_of(link: CampaignMotion) -> MotionRole:
    """What a link says."""
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
    """Link a motion that we hold, or change its role; a new current one makes the former earlier.

    Invalid where what the motion amends does not fit the role. Conflict where the current motion
    would lose its role: another has to become current instead, so that letters go on.
    """
    links = _links(session, campaign)
    held = links.get(motion_id)
    if held is not None and role_of(held) is role:
        return
    if held is not None and held.is_current:
        raise _is_current("Make another one current, and this one becomes an earlier one.")
    _require_fit(session.get_one(Motion, motion_id), role, links.keys())
    if role is MotionRole.CURRENT:
        for other in links.values():
            other.is_current = False
        session.flush()  # at most one is current at any moment
    changed = held or CampaignMotion(campaign_id=campaign.id, motion_id=motion_id, linked_at=now)
    changed.is_current = role is MotionRole.CURRENT
    changed.is_amendment = role is MotionRole.AMENDMENT
    session.add(changed)
    _touch(session, campaign, now)


def unlink(session: Session, campaign: Campaign, motion_id: int, *, now: datetime) -> None:
    """Take back a link made by mistake; letters keep their motion. Conflict for the current one."""
    held = _links(session, campaign).get(motion_id)
    if held is None:
        message = f"The campaign '{campaign.slug}' is not linked to a motion {motion_id}."
        raise NotFound("motion_not_linked", message)
    if held.is_current:
        raise _is_current("Make another one current before you take this one off.")
    session.delete(held)
    _touch(session, campaign, now)


def _links(session: Session, campaign: Campaign) -> dict[int, CampaignMotion]:
    """Under a lock on the campaign: of two changes at once, the second sees what the first did."""
    session.exec(select(Campaign.id).where(Campaign.id == campaign.id).with_for_update()).one()
    statement = select(CampaignMotion).where(CampaignMotion.campaign_id == campaign.id)
    return {link.motion_id: link for link in session.exec(statement)}


def _require_fit(motion: Motion, role: MotionRole, linked: Collection[int]) -> None:
    """As far as we know what a motion amends: amendments follow one of the campaign's motions."""
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


def _is_current(what_to_do: str) -> Conflict:
    return Conflict("motion_is_current", f"This is the campaign's current motion. {what_to_do}")


def _names(session: Session, motion_ids: set[int]) -> dict[int, tuple[int, int]]:
    """Distinct members whose names stand, and who took theirs off, by motion."""
    member, is_withdrawn = col(MotionSignatory.member_id), col(MotionSignatory.is_withdrawn)
    standing = sa.func.count(sa.distinct(sa.case((~is_withdrawn, member))))
    ever = sa.func.count(sa.distinct(member))
    statement = (
        select(MotionSignatory.motion_id, standing, ever)
        .where(col(MotionSignatory.motion_id).in_(motion_ids))
        .group_by(col(MotionSignatory.motion_id))
    )
    return {motion_id: (live, total - live) for motion_id, live, total in session.exec(statement)}
