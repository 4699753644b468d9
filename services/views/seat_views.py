"""What a supporter learns about their seat: its member, and whether they signed the motion.

`seat_view` reads one seat. A board holds the same for every seat, so that one read serves everybody
who signs: `SeatBoard` is for answers after signing, and `ConfirmedBoard`, which adds the letters,
for answers after confirming. Callers cache boards until the data changes.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from models import Campaign, Keyring, Motion, Petition
from services.campaigns import campaigns, petitions
from services.letters.drafting import drafts, situations
from services.letters.drafting.drafts import WrittenLetter
from services.letters.drafting.situations import Situation
from services.organisations import faces, organisations
from services.organisations.faces import Face
from services.parliament import motions, seats
from services.parliament.seat_snapshots import SeatConstituency, SeatMember
from services.parliament.standing import Standing
from services.supporters import seat_watches


@dataclass(frozen=True, slots=True)
class SeatView:
    """A seat with its member, and whether they signed the motion of the campaign.

    `constituency` and `member` are None for 'unknown' and 'overseas'; `member` alone is None for a
    vacant seat. `motion` is None where the campaign has none.
    """

    constituency: SeatConstituency | None
    member: SeatMember | None
    motion: Motion | None
    is_signed_by_member: bool


@dataclass(frozen=True, slots=True)
class SeatBoard:
    """The views of all seats, by code, for the motion of one campaign."""

    motion: Motion | None
    seats: dict[str, SeatView]

    def seat(self, code: str) -> SeatView:
        """Returns the view for a constituency's code, 'unknown' or 'overseas'."""
        return self.seats.get(code) or SeatView(None, None, self.motion, False)


@dataclass(frozen=True, slots=True)
class ConfirmedBoard:
    """The views and letters of all seats for one petition, by code.

    `face` is that of the petition's organisation, for pages.
    """

    petition: Petition
    campaign: Campaign
    face: Face
    seats: SeatBoard
    situations: dict[str, Situation]

    def seat(self, code: str) -> SeatView:
        """Returns the view for a constituency's code, 'unknown' or 'overseas'."""
        return self.seats.seat(code)

    def letter(self, code: str, *, name: str = "") -> WrittenLetter | None:
        """Returns the letter for a supporter called `name`; None where there is none to write."""
        situation = self.situations.get(code)
        return drafts.write(situation, name=name) if situation else None

    def can_watch(self, code: str) -> bool:
        """Returns whether a supporter in the seat can ask for an email when it has a member."""
        view = self.seat(code)
        return seat_watches.can_watch(self.campaign, view.constituency, view.member)


def seat_view(session: Session, petition: Petition, code: str, *, now: datetime) -> SeatView:
    """Returns one seat for the motion of the petition's campaign."""
    seat = seats.seat_of(session, code, today=now.date())
    member = seat.member if seat else None
    motion = campaigns.motion_of(session, petition.campaign_id)
    is_signed = False
    if member and motion:
        position = motions.position_of_member(session, motion.id, member.id)
        is_signed = position.standing is Standing.SIGNED
    return SeatView(seat.constituency if seat else None, member, motion, is_signed)


def board_of_petition(session: Session, slug: str, *, now: datetime) -> SeatBoard:
    """Returns the board of a public petition's campaign, in a fixed number of statements.

    Raises NotFound where the public does not see the petition.
    """
    return board_of_campaign(session, petitions.public(session, slug).campaign_id, now=now)


def board_of_campaign(session: Session, campaign_id: UUID, *, now: datetime) -> SeatBoard:
    """Returns the board of a campaign, even of one that the public does not see."""
    motion = campaigns.motion_of(session, campaign_id)
    positions = motions.positions(session, motion.id) if motion else {}
    all_seats = seats.all_seats(session, today=now.date(), organisation_id=None)
    return SeatBoard(
        motion,
        {
            seat.constituency.code: SeatView(
                seat.constituency,
                seat.member,
                motion,
                seats.seat_position(seat, positions).standing is Standing.SIGNED,
            )
            for seat in all_seats
        },
    )


def confirmed_board(
    session: Session, petition_id: UUID, *, keyring: Keyring, now: datetime
) -> ConfirmedBoard:
    """Returns the board for confirmed signatures of a petition, in a fixed number of statements."""
    petition = session.get_one(Petition, petition_id)
    campaign = session.get_one(Campaign, petition.campaign_id)
    board = board_of_campaign(session, campaign.id, now=now)
    codes = board.seats.keys()
    letter_situations = situations.of_seats(session, campaign, codes, keyring=keyring, now=now)
    owner = organisations.get(session, petition.organisation_id)
    face = faces.of_organisation(session, owner)
    return ConfirmedBoard(petition, campaign, face, board, letter_situations)
