"""Reads motions and the names on them from our own tables.

`services/parliament_sync/motion_sync.py` writes them.
"""

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
    """Returns every row of names on a motion, withdrawn ones too."""
    statement = select(MotionSignatory).where(MotionSignatory.motion_id == motion_id)
    return list(session.exec(statement))


def live_count(rows: Iterable[MotionSignatory]) -> int:
    """Counts the distinct members whose names are on the motion now."""
    return len({row.member_id for row in rows if not row.is_withdrawn})


def by_member(rows: Iterable[MotionSignatory]) -> dict[int, Position]:
    """Returns the position of each member with a row, withdrawn or not. `rows` are one motion's."""
    grouped: dict[int, list[MotionSignatory]] = {}
    for row in rows:
        grouped.setdefault(row.member_id, []).append(row)
    return {member_id: position_of(group) for member_id, group in grouped.items()}


def positions(
    session: Session, motion_id: int, *, member_ids: Collection[int] | None = None
) -> dict[int, Position]:
    """Returns the positions on a motion by member; only those of `member_ids` where given."""
    if member_ids is None:
        return by_member(signatories(session, motion_id))
    statement = select(MotionSignatory).where(
        MotionSignatory.motion_id == motion_id, col(MotionSignatory.member_id).in_(member_ids)
    )
    return by_member(session.exec(statement))


def signed_earlier(session: Session, campaign_id: UUID) -> set[int]:
    """Returns the members whose names are on an earlier motion of the campaign."""
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
    statement = select(MotionSignatory).where(
        MotionSignatory.motion_id == motion_id, MotionSignatory.member_id == member_id
    )
    return position_of(session.exec(statement))


def published_ids(session: Session) -> list[int]:
    """Returns the ids of every motion that is before Parliament, in order."""
    statement = select(Motion.id).where(Motion.status == MotionStatus.PUBLISHED)
    return list(session.exec(statement.order_by(col(Motion.id))))


def followed_ids(session: Session) -> list[int]:
    """Returns the ids of the motions that the worker keeps up to date, in order.

    They are published, and an open campaign is linked to them as its current motion or as an
    amendment.
    Campaigns of a demonstration do not count: their motions are invented.
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
    """Returns the name of the motion's session of Parliament, such as '2026-27'."""
    if motion.parliament_session_id is None:
        return None
    parliament_session = session.get(ParliamentSession, motion.parliament_session_id)
    return parliament_session.name if parliament_session else None


def is_known(session: Session, motion_id: int) -> bool:
    return session.get(Motion, motion_id) is not None
