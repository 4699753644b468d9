"""Public petitions of all campaigns, and where each one's signatures come from.

Lists can be read by page or as a whole, and a petition by its number. The API publishes them in the
format of petition.parliament.uk.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from models import Campaign, CampaignStatus, Organisation, Petition, PetitionState, PetitionTally
from models.constituency import OVERSEAS
from services.campaigns import petitions
from services.errors import NotFound
from services.parliament import seats
from services.parliament.seats import Seat

Row = tuple[Petition, Campaign, str]
_CAMPAIGN_OF_PETITION = col(Campaign.id) == Petition.campaign_id


class ListState(StrEnum):
    """The petitions in a list, in the words of petition.parliament.uk.

    `rejected` and all after it are states of Parliament's own procedure, so those lists are empty.
    """

    ALL = "all"
    PUBLISHED = "published"
    OPEN = "open"
    RECENT = "recent"
    CLOSED = "closed"
    REJECTED = "rejected"
    AWAITING_RESPONSE = "awaiting_response"
    WITH_RESPONSE = "with_response"
    AWAITING_DEBATE = "awaiting_debate"
    DEBATED = "debated"
    NOT_DEBATED = "not_debated"


@dataclass(frozen=True, slots=True)
class PublicPetition:
    """A petition with its campaign, its organisation's name and its confirmed signatures."""

    petition: Petition
    campaign: Campaign
    organisation: str
    signature_count: int
    is_open: bool

    @property
    def closed_at(self) -> datetime | None:
        """Returns when the petition closed; None while it is open.

        No time is stored when somebody closes a petition by hand. Then this is the last change to
        the petition or to its campaign, which cannot be earlier.
        """
        if self.is_open:
            return None
        closes_at, changes = self.petition.closes_at, [self.petition.updated_at]
        if self.campaign.status is not CampaignStatus.OPEN:
            changes.append(self.campaign.updated_at)
        elif self.petition.state is PetitionState.OPEN and closes_at is not None:
            return closes_at
        return min(max(changes), closes_at or max(changes))


@dataclass(frozen=True, slots=True)
class PetitionPage:
    """One page of a list. `total` counts the whole list; `last` is the number of the last page."""

    petitions: tuple[PublicPetition, ...]
    total: int
    last: int


@dataclass(frozen=True, slots=True)
class PetitionPlaces:
    """Where a petition's confirmed signatures come from.

    `by_seat` has the seats with at least one signature, in order of name. `overseas` counts those
    from outside the UK. The two do not add up to `total`, because some signatures are of no known
    seat.
    """

    by_seat: tuple[tuple[Seat, int], ...]
    total: int
    overseas: int

    @property
    def by_region(self) -> dict[str, int]:
        """The signatures by region, in order of name, without those of no known seat."""
        counts: Counter[str] = Counter()
        for seat, count in self.by_seat:
            counts[seat.constituency.region] += count
        return dict(sorted(counts.items()))


def page(
    session: Session, state: ListState, *, number: int, size: int, now: datetime
) -> PetitionPage:
    """Returns page `number` (from 1) of a list, newest first; no petitions after the last page."""
    in_state = _in_state(state, now)
    count = select(func.count(col(Petition.id))).join(Campaign, _CAMPAIGN_OF_PETITION)
    total = session.exec(count.where(*_visible(in_state))).one()
    statement = _statement(in_state).order_by(col(Petition.number).desc())
    rows: list[Row] = list(session.exec(statement.offset((number - 1) * size).limit(size)))
    return PetitionPage(_public_petitions(session, rows, now), total, max(1, -(-total // size)))


def full_list(session: Session, state: ListState, *, now: datetime) -> list[PublicPetition]:
    """Returns a whole list, newest first, in one statement that reads each tally once."""
    confirmed = (
        select(PetitionTally.petition_id, func.sum(PetitionTally.confirmed).label("confirmed"))
        .group_by(col(PetitionTally.petition_id))
        .subquery()
    )
    statement = (
        _statement(_in_state(state, now))
        .add_columns(func.coalesce(confirmed.c.confirmed, 0))
        .outerjoin(confirmed, confirmed.c.petition_id == Petition.id)
        .order_by(col(Petition.number).desc())
    )
    rows: Iterable[Any] = session.execute(statement)
    return [
        _public_petition((petition, campaign, name), int(count), now)
        for petition, campaign, name, count in rows
    ]


def by_number(session: Session, number: int, *, now: datetime) -> PublicPetition:
    """Returns a public petition by its number.

    Raises NotFound where the public sees no petition with that number.
    """
    rows: list[Row] = list(session.exec(_statement(Petition.number == number)))
    if not rows:
        raise NotFound("petition_unknown", f"There is no petition {number}.")
    return _public_petitions(session, rows, now)[0]


def places_of(session: Session, petition_id: UUID, *, today: date) -> PetitionPlaces:
    """Returns where a petition's signatures come from, read from the tally.

    The countries of overseas signatures are not included: only the signatures have them.
    """
    statement = select(PetitionTally.constituency_code, PetitionTally.confirmed).where(
        PetitionTally.petition_id == petition_id, col(PetitionTally.confirmed) > 0
    )
    counts: dict[str, int] = dict(session.exec(statement).all())
    all_seats = seats.all_seats(session, today=today, organisation_id=None)
    return PetitionPlaces(
        by_seat=tuple(
            (seat, counts[seat.constituency.code])
            for seat in all_seats
            if seat.constituency.code in counts
        ),
        total=sum(counts.values()),
        overseas=counts.get(OVERSEAS, 0),
    )


def _statement(condition: Any) -> Any:
    """Selects public petitions with their campaigns and the names of their organisations."""
    return (
        select(Petition, Campaign, Organisation.name)
        .join(Campaign, _CAMPAIGN_OF_PETITION)
        .join(Organisation, col(Organisation.id) == Petition.organisation_id)
        .where(*_visible(condition))
    )


def _visible(condition: Any) -> tuple[Any, ...]:
    """The conditions that neither the petition nor its campaign is a draft."""
    return (
        Petition.state != PetitionState.DRAFT,
        Campaign.status != CampaignStatus.DRAFT,
        condition,
    )


def _in_state(state: ListState, now: datetime) -> sa.ColumnElement[bool]:
    """Says in SQL what `petitions.is_open` says in Python: keep the two in line."""
    closes_at = col(Petition.closes_at)
    is_open = sa.and_(
        col(Petition.state) == PetitionState.OPEN,
        col(Campaign.status) == CampaignStatus.OPEN,
        sa.or_(closes_at.is_(None), closes_at > now),
    )
    if state in (ListState.ALL, ListState.PUBLISHED):
        return sa.true()
    if state in (ListState.OPEN, ListState.RECENT):
        return is_open
    return sa.not_(is_open) if state is ListState.CLOSED else sa.false()


def _public_petitions(
    session: Session, rows: list[Row], now: datetime
) -> tuple[PublicPetition, ...]:
    counts = petitions.counts(session, [petition.id for petition, _, _ in rows])
    return tuple(_public_petition(row, counts[row[0].id], now) for row in rows)


def _public_petition(row: Row, count: int, now: datetime) -> PublicPetition:
    petition, campaign, name = row
    is_open = petitions.is_open(petition, campaign_status=campaign.status, now=now)
    return PublicPetition(petition, campaign, name, count, is_open)
