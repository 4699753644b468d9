"""What somebody who signs learns of their seat: its member, and whether they signed the motion."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from lobby.models import Constituency, Member, Motion, Petition
from lobby.services import campaigns, motions, seats
from lobby.services.standing import Standing


@dataclass(frozen=True, slots=True)
class SeatView:
    """All None for 'unknown' and 'overseas'; a member of None is a vacant seat."""

    constituency: Constituency | None
    member: Member | None
    motion: Motion | None
    is_signed_by_member: bool


def of_petition(session: Session, petition: Petition, code: str, *, now: datetime) -> SeatView:
    """The seat `code`, as it stands towards the motion of the petition's campaign."""
    seat = seats.seat_of(session, code, today=now.date())
    member = seat.member if seat else None
    motion = campaigns.motion_of(session, petition.campaign_id)
    is_signed = False
    if member and motion:
        position = motions.position_of_member(session, motion.id, member.id)
        is_signed = position.standing is Standing.SIGNED
    return SeatView(seat.constituency if seat else None, member, motion, is_signed)
