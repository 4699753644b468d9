"""What somebody who signs learns of their seat: its member, and whether they signed the motion.

What everybody who signs a petition learns of their seat, for all seats at once.

What everybody who confirms learns, for all seats at once: their seat and the letter.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from models import Campaign, Constituency, Keyring, Member, Motion, Petition
from services.campaigns import campaigns, petitions
from services.errors import Conflict
from services.letters.drafting import drafts, situations
from services.letters.drafting.drafts import Draft
from services.letters.drafting.situations import Situation
from services.parliament import motions, seats
from services.parliament.standing import Standing
from services.supporters import seat_watches


@dataclass(frozen=True, slots=True)
class SeatView:
    """All None for 'unknown' and 'overseas'; a member of None is a vacant seat."""

    constituency: Constituency | None
    member: Member | None
    motion: Motion | None
    is_signed_by_member: bool


@dataclass(frozen=True, slots=True)
class SeatBoard:
    """Every seat that we hold, by its code, as it stands towards the motion of a petition."""

    motion: Motion | None
    seats: dict[str, SeatView]

    def seat(self, code: str) -> SeatView:
        """The seat with a code; of 'unknown' and 'overseas' only the motion is known."""
        return self.seats.get(code) or SeatView(None, None, self.motion, False)


@dataclass(frozen=True, slots=True)
class ConfirmedBoard:
    """Of one petition; `situations` is empty where the campaign has nothing to write about."""

    petition: Petition
    campaign: Campaign
    seats: SeatBoard
    situations: dict[str, Situation]

    def seat(self, code: str) -> SeatView:
        """For a constituency's code, 'unknown' or 'overseas'."""
        return self.seats.seat(code)

    def draft(self, code: str, *, name: str) -> Draft | None:
        """The letter for somebody of that name; None where there is nothing to write."""
        found = self.situations.get(code)
        return drafts.draft(found, name=name) if found else None

    def can_watch(self, code: str) -> bool:
        """Whether somebody of the seat may ask to be told when it has a member."""
        seen = self.seat(code)
        return seat_watches.can_watch(self.campaign, seen.constituency, seen.member)


def seat_view(session: Session, petition: Petition, code: str, *, now: datetime) -> SeatView:
    """The seat `code`, as it stands towards the motion of the petition's campaign."""
    seat = seats.seat_of(session, code, today=now.date())
    member = seat.member if seat else None
    motion = campaigns.motion_of(session, petition.campaign_id)
    is_signed = False
    if member and motion:
        position = motions.position_of_member(session, motion.id, member.id)
        is_signed = position.standing is Standing.SIGNED
    return SeatView(seat.constituency if seat else None, member, motion, is_signed)


def board_of_petition(session: Session, slug: str, *, now: datetime) -> SeatBoard:
    """In a fixed handful of statements. NotFound for a petition that the public does not see."""
    return board_of_campaign(session, petitions.public(session, slug).campaign_id, now=now)


def board_of_campaign(session: Session, campaign_id: UUID, *, now: datetime) -> SeatBoard:
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


def confirmed_board(
    session: Session, petition_id: UUID, *, keyring: Keyring, now: datetime
) -> ConfirmedBoard:
    """In a fixed handful of statements."""
    petition = session.get_one(Petition, petition_id)
    campaign = session.get_one(Campaign, petition.campaign_id)
    board = board_of_campaign(session, campaign.id, now=now)
    codes = board.seats.keys()
    try:
        letter_situations = situations.of_seats(session, campaign, codes, keyring=keyring, now=now)
    except Conflict:
        letter_situations = {}
    return ConfirmedBoard(petition, campaign, board, letter_situations)
