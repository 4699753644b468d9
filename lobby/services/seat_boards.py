"""What everybody who signs a petition learns of their seat, for all seats at once."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from lobby.models import Motion
from lobby.services import campaigns, motions, petitions, seats
from lobby.services.seat_views import SeatView
from lobby.services.standing import Standing


@dataclass(frozen=True, slots=True)
class SeatBoard:
    """Every seat that we hold, by its code, as it stands towards the motion of a petition."""

    motion: Motion | None
    seats: dict[str, SeatView]

    def seat(self, code: str) -> SeatView:
        """The seat with a code; of 'unknown' and 'overseas' only the motion is known."""
        return self.seats.get(code) or SeatView(None, None, self.motion, False)


def of_petition(session: Session, slug: str, *, now: datetime) -> SeatBoard:
    """In a fixed handful of statements. NotFound for a petition that the public does not see."""
    return of_campaign(session, petitions.public(session, slug).campaign_id, now=now)


def of_campaign(session: Session, campaign_id: UUID, *, now: datetime) -> SeatBoard:
    """As every petition of a campaign has it, whoever may see that."""
    motion = campaigns.motion_of(session, campaign_id)
    positions = motions.positions(session, motion.id) if motion else {}
    house = seats.all_seats(session, today=now.date(), organisation_id=None)
    return SeatBoard(
        motion,
        {
            seat.constituency.code: SeatView(
                seat.constituency,
                seat.member,
                motion,
                seats.seat_position(seat, positions).standing is Standing.SIGNED,
            )
            for seat in house
        },
    )
