"""The open campaigns that ask MPs to sign a motion, and what one MP did about each."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from models import Campaign, CampaignMotion, CampaignStatus, Motion, MotionSignatory
from services.errors import NotFound
from services.parliament import seats
from services.parliament.seat_snapshots import SeatMember
from services.parliament.seats import Seat
from services.parliament.standing import Position, position_of

MOST = 30


@dataclass(frozen=True, slots=True)
class MemberCampaign:
    """An open campaign with its motion, and the position of an MP on it."""

    campaign: Campaign
    motion: Motion
    position: Position


@dataclass(frozen=True, slots=True)
class SeatCampaigns:
    """A seat with its MP, if it has one, and the open campaigns, the newest first."""

    seat: Seat
    campaigns: tuple[MemberCampaign, ...]


def open_with_motion(session: Session, *, limit: int = MOST) -> list[tuple[Campaign, Motion]]:
    """Returns the open campaigns that have a motion, the newest first."""
    statement = (
        select(Campaign, Motion)
        .join(CampaignMotion, col(CampaignMotion.campaign_id) == Campaign.id)
        .join(Motion, col(Motion.id) == CampaignMotion.motion_id)
        .where(Campaign.status == CampaignStatus.OPEN, col(CampaignMotion.is_current))
        .order_by(col(Campaign.id).desc())
    )
    return list(session.exec(statement.limit(limit)).all())


def of_seat(session: Session, code: str, *, now: datetime) -> SeatCampaigns:
    """Returns what the MP of a seat did about each. Raises NotFound for an unknown code."""
    seat = seats.seat_of(session, code, today=now.date())
    if seat is None:
        raise NotFound("constituency_unknown", "There is no such constituency.")
    found = open_with_motion(session)
    positions = _positions(session, seat.member, [motion.id for _, motion in found])
    return SeatCampaigns(
        seat,
        tuple(
            MemberCampaign(campaign, motion, positions.get(motion.id, position_of(())))
            for campaign, motion in found
        ),
    )


def _positions(
    session: Session, member: SeatMember | None, motion_ids: list[int]
) -> dict[int, Position]:
    if member is None:
        return {}
    rows = defaultdict(list)
    statement = select(MotionSignatory).where(
        MotionSignatory.member_id == member.id, col(MotionSignatory.motion_id).in_(motion_ids)
    )
    for row in session.exec(statement):
        rows[row.motion_id].append(row)
    return {motion_id: position_of(of_motion) for motion_id, of_motion in rows.items()}
