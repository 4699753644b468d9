"""Where a petition's confirmed signatures come from: by seat, by region, and from abroad."""

from collections import Counter
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlmodel import Session, col, select

from lobby.models import PetitionTally
from lobby.models.constituency import OVERSEAS
from lobby.services import seats
from lobby.services.seats import Seat


@dataclass(frozen=True, slots=True)
class PetitionPlaces:
    """Seats with a signature, in order of name. All but `overseas` are from the UK, and some of
    them of no seat that we hold, so that the seats do not add up to `total`."""

    by_seat: tuple[tuple[Seat, int], ...]
    total: int
    overseas: int

    @property
    def by_region(self) -> dict[str, int]:
        """In order of name."""
        counts: Counter[str] = Counter()
        for seat, count in self.by_seat:
            counts[seat.constituency.region] += count
        return dict(sorted(counts.items()))


def of_petition(session: Session, petition_id: UUID, *, today: date) -> PetitionPlaces:
    """From the tally, at most a row a seat: it never scans signatures, which alone know from which
    country abroad they are."""
    statement = select(PetitionTally.constituency_code, PetitionTally.confirmed).where(
        PetitionTally.petition_id == petition_id, col(PetitionTally.confirmed) > 0
    )
    counts: dict[str, int] = dict(session.exec(statement).all())
    house = seats.all_seats(session, today=today, organisation_id=None)
    return PetitionPlaces(
        by_seat=tuple(
            (seat, counts[seat.constituency.code])
            for seat in house
            if seat.constituency.code in counts
        ),
        total=sum(counts.values()),
        overseas=counts.get(OVERSEAS, 0),
    )
