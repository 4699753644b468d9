"""What everybody who confirms learns, for all seats at once: their seat and the letter."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from lobby.models import Campaign, Keyring, Petition
from lobby.services import letter_drafts, letter_situations, seat_boards, seat_watches
from lobby.services.errors import Conflict
from lobby.services.letter_drafts import Draft
from lobby.services.letter_situations import Situation
from lobby.services.seat_boards import SeatBoard
from lobby.services.seat_views import SeatView


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
        return letter_drafts.draft(found, name=name) if found else None

    def can_watch(self, code: str) -> bool:
        """Whether somebody of the seat may ask to be told when it has a member."""
        seen = self.seat(code)
        return seat_watches.can_watch(self.campaign, seen.constituency, seen.member)


def of_petition(
    session: Session, petition_id: UUID, *, keyring: Keyring, now: datetime
) -> ConfirmedBoard:
    """In a fixed handful of statements."""
    petition = session.get_one(Petition, petition_id)
    campaign = session.get_one(Campaign, petition.campaign_id)
    board = seat_boards.of_campaign(session, campaign.id, now=now)
    codes = board.seats.keys()
    try:
        situations = letter_situations.of_seats(session, campaign, codes, keyring=keyring, now=now)
    except Conflict:
        situations = {}
    return ConfirmedBoard(petition, campaign, board, situations)
