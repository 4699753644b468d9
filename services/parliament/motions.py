"""Reads motions and the names on them from our own tables.

`services/parliament_sync/motion_sync.py` writes them.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Protocol
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import (
    Campaign,
    CampaignMotion,
    CampaignStatus,
    Member,
    Motion,
    MotionSignatory,
    MotionStatus,
    Organisation,
    ParliamentSession,
)
from models.base import table_of
from services.parliament.standing import NameRow, Position, position_of

_name = table_of(MotionSignatory)


class MemberNameRow(NameRow, Protocol):
    """A row of `motion_signatory` with its member."""

    @property
    def member_id(self) -> int: ...


def signatories(session: Session, motion_id: int) -> list[MotionSignatory]:
    """Returns every row of names on a motion, withdrawn ones too."""
    statement = select(MotionSignatory).where(MotionSignatory.motion_id == motion_id)
    return list(session.exec(statement))


def live_count(rows: Iterable[MotionSignatory]) -> int:
    """Counts the distinct members whose names are on the motion now."""
    return len({row.member_id for row in rows if not row.is_withdrawn})


def by_member(rows: Iterable[MemberNameRow]) -> dict[int, Position]:
    """Returns the position of each member with a row, withdrawn or not. `rows` are one motion's."""
    grouped: dict[int, list[MemberNameRow]] = {}
    for row in rows:
        grouped.setdefault(row.member_id, []).append(row)
    return {member_id: position_of(group) for member_id, group in grouped.items()}


def positions(
    session: Session, motion_id: int, *, member_ids: Collection[int] | None = None
) -> dict[int, Position]:
    """Returns the positions on a motion by member; only those of `member_ids` where given."""
    # As columns: objects of the model would cost three times as much.
    statement = sa.select(_name).where(_name.c.motion_id == motion_id)
    if member_ids is not None:
        statement = statement.where(_name.c.member_id.in_(member_ids))
    return by_member(session.execute(statement).all())


def signed_earlier(
    session: Session, campaign_id: UUID, *, member_ids: Collection[int] | None = None
) -> dict[int, str]:
    """Returns the members whose names are on an earlier motion of the campaign, with its number.

    The number is that of the newest such motion. Only those of `member_ids` where given.
    """
    statement = (
        select(MotionSignatory.member_id, Motion.number)
        .join(CampaignMotion, col(CampaignMotion.motion_id) == MotionSignatory.motion_id)
        .join(Motion, col(Motion.id) == MotionSignatory.motion_id)
        .where(
            CampaignMotion.campaign_id == campaign_id,
            ~col(CampaignMotion.is_current),
            ~col(CampaignMotion.is_amendment),
            ~col(MotionSignatory.is_withdrawn),
        )
        .order_by(col(Motion.tabled_on), col(Motion.id))
    )
    if member_ids is not None:
        statement = statement.where(col(MotionSignatory.member_id).in_(member_ids))
    return dict(session.exec(statement).all())  # the last one of a member wins: the newest


def position_of_member(session: Session, motion_id: int, member_id: int) -> Position:
    statement = select(MotionSignatory).where(
        MotionSignatory.motion_id == motion_id, MotionSignatory.member_id == member_id
    )
    rows = session.exec(statement).all()
    return position_of(rows)


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


def search(
    session: Session,
    *,
    words: Sequence[str] = (),
    number: str = "",
    motion_id: int | None = None,
    tabled_from: date | None = None,
    limit: int,
) -> list[Motion]:
    """Returns the motions that we have with all these words in their title, newest first.

    With `number` or `motion_id`, only those of that number, or the one with that id.
    """
    statement = select(Motion).where(
        *(col(Motion.title).icontains(word, autoescape=True) for word in words)
    )
    if number:
        statement = statement.where(Motion.number == number)
    if motion_id is not None:
        statement = statement.where(Motion.id == motion_id)
    if tabled_from is not None:
        statement = statement.where(col(Motion.tabled_on) >= tabled_from)
    newest_first = (col(Motion.tabled_on).desc(), col(Motion.id).desc())
    return list(session.exec(statement.order_by(*newest_first).limit(limit)))


def by_ids(session: Session, motion_ids: Collection[int]) -> dict[int, Motion]:
    """Returns those of the motions that we have, by id."""
    found = session.exec(select(Motion).where(col(Motion.id).in_(motion_ids)))
    return {motion.id: motion for motion in found}


def live_counts(session: Session, motion_ids: Collection[int]) -> dict[int, int]:
    """Counts the distinct members whose names are on each motion now, in one statement."""
    statement = (
        select(
            MotionSignatory.motion_id, sa.func.count(sa.distinct(col(MotionSignatory.member_id)))
        )
        .where(col(MotionSignatory.motion_id).in_(motion_ids), ~col(MotionSignatory.is_withdrawn))
        .group_by(col(MotionSignatory.motion_id))
    )
    counts = dict(session.exec(statement).all())
    return {motion_id: counts.get(motion_id, 0) for motion_id in motion_ids}


def primary_sponsors(session: Session, motion_ids: Collection[int]) -> dict[int, str]:
    """Returns the name of the member who tabled each motion, where it is known."""
    statement = (
        select(MotionSignatory.motion_id, Member.name)
        .join(Member, col(Member.id) == MotionSignatory.member_id)
        .where(
            col(MotionSignatory.motion_id).in_(motion_ids),
            MotionSignatory.sponsoring_order == 1,
        )
    )
    return dict(session.exec(statement).all())
