"""Letters that their writers opened in their own mail programs, counted apart from those sent."""

from sqlmodel import Session

from lobby.services import tally_counts
from lobby.services.errors import Conflict
from lobby.services.letter_situations import REASONS, Situation


def count(session: Session, found: Situation) -> None:
    """One more for the seat; of its writer nothing is kept. Conflict where nobody can write."""
    if found.reason is not None:
        raise Conflict(f"letter_{found.reason}", REASONS[found.reason])
    tally_counts.add_opened(
        session, found.campaign.id, found.motion.id, found.seat.constituency.code
    )
