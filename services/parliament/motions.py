"""Motions as we hold them: kept in line with Parliament, never emptied by a bad answer."""

from collections.abc import Collection, Iterable
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import (
    Campaign,
    CampaignMotion,
    CampaignStatus,
    Motion,
    MotionSignatory,
    MotionStatus,
    Organisation,
    ParliamentSession,
)
from services.parliament.standing import Position, position_of


def signatories(session: Session, motion_id: int) -> list[MotionSignatory]:
    """Every row of names, withdrawn ones too."""
    statement = select(MotionSignatory).where(MotionSignatory.motion_id == motion_id)
    return list(session.exec(statement))


def live_count(rows: Iterable[MotionSignatory]) -> int:
    """Distinct members whose name stands."""
    return len({row.member_id for row in rows if not row.is_withdrawn})


def by_member(rows: Iterable[MotionSignatory]) -> dict[int, Position]:
    """How each member that is or was under a motion stands towards it."""
    grouped: dict[int, list[MotionSignatory]] = {}
    for row in rows:
        grouped.setdefault(row.member_id, []).append(row)
    return {member_id: position_of(found) for member_id, found in grouped.items()}


def positions(
    session: Session, motion_id: int, *, member_ids: Collection[int] | None = None
) -> dict[int, Position]:
    """As `by_member`, of a motion; of some members where they are named."""
    if member_ids is None:
        return by_member(signatories(session, motion_id))
    statement = select(MotionSignatory).where(
        MotionSignatory.motion_id == motion_id, col(MotionSignatory.member_id).in_(member_ids)
    )
    return by_member(session.exec(statement))


def signed_earlier(session: Session, campaign_id: UUID) -> set[int]:
    """Members whose name stands under a motion that the campaign was about before."""
    statement = (
        select(MotionSignatory.member_id)
        .join(CampaignMotion, col(CampaignMotion.motion_id) == MotionSignatory.motion_id)
        .where(
            CampaignMotion.campaign_id == campaign_id,
            ~col(CampaignMotion.is_current),
            ~col(CampaignMotion.is_amendment),
            ~col(MotionSignatory.is_withdrawn),
        )
    )
    return set(session.exec(statement))


def position_of_member(session: Session, motion_id: int, member_id: int) -> Position:
    """How one member stands towards a motion."""
    statement = select(MotionSignatory).where(
        MotionSignatory.motion_id == motion_id, MotionSignatory.member_id == member_id
    )
    return position_of(session.exec(statement))


def published_ids(session: Session) -> list[int]:
    """Every motion that we follow: published ones, in order."""
    statement = select(Motion.id).where(Motion.status == MotionStatus.PUBLISHED)
    return list(session.exec(statement.order_by(col(Motion.id))))


def followed_ids(session: Session) -> list[int]:
    """Published motions that an open campaign is about, and their amendments, in order.

    Demonstrations are not real.
    """
    statement = (
        select(Motion.id)
        .join(CampaignMotion, col(CampaignMotion.motion_id) == Motion.id)
        .join(Campaign, col(Campaign.id) == CampaignMotion.campaign_id)
        .join(Organisation, col(Organisation.id) == Campaign.organisation_id)
        .where(
            Motion.status == MotionStatus.PUBLISHED,
            Campaign.status == CampaignStatus.OPEN,
            sa.or_(col(CampaignMotion.is_current), col(CampaignMotion.is_amendment)),
            ~col(Organisation.is_demonstration),
        )
        .distinct()
    )
    return list(session.exec(statement.order_by(col(Motion.id))))


def session_name(session: Session, motion: Motion) -> str | None:
    """The name of the motion's session of Parliament, such as '2026-27'."""
    if motion.parliament_session_id is None:
        return None
    found = session.get(ParliamentSession, motion.parliament_session_id)
    return found.name if found else None


def is_known(session: Session, motion_id: int) -> bool:
    """True where we hold a motion."""
    return session.get(Motion, motion_id) is not None
