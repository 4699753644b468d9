"""Public petitions of all campaigns: by pages, in whole, and one by its number.

Where a petition's confirmed signatures come from: by seat, by region, and from abroad.
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
    """Which petitions a list holds, in the words of petition.parliament.uk.

    The last six are of Parliament's own procedure, so that nothing here is ever in them.
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
    """A petition, whose it is (a name), and how many signed."""

    petition: Petition
    campaign: Campaign
    organisation: str
    signature_count: int
    is_open: bool

    @property
    def closed_at(self) -> datetime | None:
        """None while it is open. Where it was closed by hand we hold no time of that: then it is
        the last change of the petition or of its campaign, before which that must have been."""
        if self.is_open:
            return None
        due, changed = self.petition.closes_at, [self.petition.updated_at]
        if self.campaign.status is not CampaignStatus.OPEN:
            changed.append(self.campaign.updated_at)
        elif self.petition.state is PetitionState.OPEN and due is not None:
            return due
        return min(max(changed), due or max(changed))


@dataclass(frozen=True, slots=True)
class PetitionPage:
    """Some of the petitions of a list, and of how many; `last` is the number of the last page."""

    found: tuple[PublicPetition, ...]
    total: int
    last: int


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


def page(
    session: Session, state: ListState, *, number: int, size: int, now: datetime
) -> PetitionPage:
    """Page `number` (from 1) of a list, newest first; nothing where the list is shorter."""
    held = _in_state(state, now)
    counted = select(func.count(col(Petition.id))).join(Campaign, _CAMPAIGN_OF_PETITION)
    total = session.exec(counted.where(*_visible(held))).one()
    newest = _statement(held).order_by(col(Petition.number).desc())
    rows: list[Row] = list(session.exec(newest.offset((number - 1) * size).limit(size)))
    return PetitionPage(_public_petitions(session, rows, now), total, max(1, -(-total // size)))


def full_list(session: Session, state: ListState, *, now: datetime) -> list[PublicPetition]:
    """A whole list, newest first, in one statement: it reads every tally once."""
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
    found: Iterable[Any] = session.execute(statement)
    return [
        _public_petition((petition, campaign, name), int(n), now)
        for petition, campaign, name, n in found
    ]


def by_number(session: Session, number: int, *, now: datetime) -> PublicPetition:
    """NotFound where the public sees no petition with that number."""
    rows: list[Row] = list(session.exec(_statement(Petition.number == number)))
    if not rows:
        raise NotFound("petition_unknown", f"There is no petition {number}.")
    return _public_petitions(session, rows, now)[0]


def _statement(condition: Any) -> Any:
    """Petitions that the public sees, with their campaigns and the names of whose they are."""
    return (
        select(Petition, Campaign, Organisation.name)
        .join(Campaign, _CAMPAIGN_OF_PETITION)
        .join(Organisation, col(Organisation.id) == Petition.organisation_id)
        .where(*_visible(condition))
    )


def _visible(condition: Any) -> tuple[Any, ...]:
    """Neither a draft, nor of a campaign that is one."""
    return (
        Petition.state != PetitionState.DRAFT,
        Campaign.status != CampaignStatus.DRAFT,
        condition,
    )


def _in_state(state: ListState, now: datetime) -> sa.ColumnElement[bool]:
    """As `petitions.is_open` has it, for the database."""
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


def places_of(session: Session, petition_id: UUID, *, today: date) -> PetitionPlaces:
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
