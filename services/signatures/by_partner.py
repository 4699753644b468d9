"""Signatures that came through a partner: those that the partner may see, and how many there are.

A partner could post the email address of anybody as if they had signed on its site. If it saw the
new signature at once, it would find out who had signed before, because theirs would not appear. So
it sees a signature only after its signer has confirmed it, having come through the partner.

Counts contain no personal data and use the index on the partner, so that they take time in
proportion to the partner's own signatures. Their lists are limited in length.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from models import Partner, Petition, Signature, SignatureState, Supporter
from models.base import table_of
from services.database.time_windows import ChangePosition, ChangeWindow
from services.supporters import partner_consents
from services.traffic.minute_cache import Counted, MinuteCache

MOST_DAYS, MOST_SOURCES = 366, 50
MOST_COUNTED = 10_000
COUNTED = (SignatureState.CONFIRMED, SignatureState.WITHDRAWN, SignatureState.REJECTED)
"""The states of signatures that were confirmed. The others are of rows from before submissions."""
PartnerSignature = tuple[Signature, Supporter, bool | None]
"""A signature, its supporter, and whether the partner may contact them (None: not asked)."""
_signature = table_of(Signature)
_petition, _partner = table_of(Petition), table_of(Partner)


@dataclass(frozen=True, slots=True)
class PartnerSourceCount:
    """The number of confirmed signatures with one tracking code, or without any (None)."""

    source: str | None
    confirmed: int


@dataclass(frozen=True, slots=True)
class PartnerDayCount:
    """The number of signatures that were confirmed on one day, in UTC."""

    day: date
    confirmed: int


@dataclass(frozen=True, slots=True)
class PartnerSummary:
    """A partner's signatures under one petition.

    `sources` has the largest ones, `other_sources` the sum of the rest. `days` has the days of the
    requested span with any signatures, the oldest first.
    """

    petition: str
    states: dict[SignatureState, int]
    sources: tuple[PartnerSourceCount, ...]
    other_sources: int
    days: tuple[PartnerDayCount, ...]


def visible_to(partner_id: UUID) -> list[sa.ColumnElement[bool]]:
    """SQL conditions on signatures: those that a partner may see."""
    return [
        _signature.c.partner_id == partner_id,
        # Rows from before submissions: a signer who withdrew and signed again, through a partner,
        # kept the time of the first confirmation. The partner must not learn of that.
        _signature.c.confirmed_at >= _signature.c.signed_at,
        _signature.c.state.in_(COUNTED),
    ]


def page(
    session: Session,
    petition_id: UUID,
    *,
    partner_id: UUID,
    state: SignatureState | None,
    after: UUID | None,
    limit: int,
) -> list[PartnerSignature]:
    """Works like `signature_states.page`, for the signatures that a partner may see."""
    statement = _rows_of(petition_id, partner_id, state)
    if after is not None:
        statement = statement.where(_signature.c.id > after)
    return _read(session, statement.order_by(_signature.c.id).limit(limit))


def changes(
    session: Session,
    petition_id: UUID,
    *,
    partner_id: UUID,
    state: SignatureState | None,
    window: ChangeWindow,
    limit: int,
) -> list[PartnerSignature]:
    """Works like `signature_states.changes`, for the signatures that a partner may see.

    They are ordered by when something changed that the partner sees.
    """
    time, row_id = _signature.c.partner_changed_at, _signature.c.id
    statement = _rows_of(petition_id, partner_id, state).where(*window.conditions(time, row_id))
    return _read(session, statement.order_by(time, row_id).limit(limit))


def position(row: PartnerSignature) -> ChangePosition:
    """Returns the place of a signature in a list by when something changed that a partner sees."""
    signature = row[0]
    # Every signature of a partner has this time.
    return ChangePosition(signature.partner_changed_at or signature.changed_at, signature.id)


def of_partner(
    session: Session,
    partner: Partner,
    *,
    is_own: bool,
    petition_ids: frozenset[UUID] = frozenset(),
    days: int,
    now: datetime,
) -> list[PartnerSummary]:
    """Returns a summary for each petition that has any, by petition number, in three statements.

    With `is_own` it is for the partner and counts only what it may see. Signatures that were never
    confirmed are not counted: their states have 0. Empty `petition_ids` mean all petitions. `days`
    is the length of the span that ends today, 1 to 366.
    """
    visible = [_signature.c.partner_id == partner.id, _signature.c.state.in_(COUNTED)]
    if is_own:
        visible = visible_to(partner.id)
    if petition_ids:
        visible.append(_signature.c.petition_id.in_(petition_ids))
    states = _counts(session, visible, _signature.c.state)
    counted = [*visible, _signature.c.state == SignatureState.CONFIRMED]
    sources = _counts(session, counted, _signature.c.source)
    first = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)
    in_span = [*counted, _signature.c.confirmed_at >= first]
    by_day = _counts(session, in_span, _day(session, _signature.c.confirmed_at))
    return [
        _summary(slug, states[slug], sources.get(slug, []), by_day.get(slug, [])) for slug in states
    ]


def recent(
    session: Session, partner: Partner, *, days: int, counts: MinuteCache, now: datetime
) -> Counted[list[PartnerSummary]]:
    """Returns what `of_partner` does for the organisation, as counted within the last minute."""

    def count() -> list[PartnerSummary]:
        return of_partner(session, partner, is_own=False, days=days, now=now)

    return counts.get(("partner", partner.id, days), count)


def recent_counts(
    session: Session, organisation_id: UUID, *, counts: MinuteCache
) -> Counted[dict[UUID, int]]:
    """Returns the same as `count_by_partner`, as counted within the last minute."""
    key = ("partners", organisation_id)
    return counts.get(key, lambda: count_by_partner(session, organisation_id))


def count_by_partner(session: Session, organisation_id: UUID) -> dict[UUID, int]:
    """Returns the number of confirmed signatures by partner, in one statement.

    A count stops at `MOST_COUNTED` + 1, so that a list of partners is fast however many signatures
    they have.
    """
    limited = (
        sa.select(_signature.c.id)
        .where(
            _signature.c.partner_id == _partner.c.id,
            _signature.c.state == SignatureState.CONFIRMED,
        )
        .limit(MOST_COUNTED + 1)
        .correlate(_partner)
        .subquery()
    )
    count = sa.select(sa.func.count()).select_from(limited).scalar_subquery()
    statement = sa.select(_partner.c.id, count).where(_partner.c.organisation_id == organisation_id)
    return {row[0]: row[1] for row in session.connection().execute(statement)}


def _rows_of(
    petition_id: UUID, partner_id: UUID, state: SignatureState | None
) -> sa.Select[*tuple[Any, ...]]:
    statement: sa.Select[*tuple[Any, ...]] = (
        sa.select(Signature, Supporter, partner_consents.may_contact().label("contact"))
        .join(Supporter, col(Supporter.id) == Signature.supporter_id)
        .join(Partner, col(Partner.id) == Signature.partner_id)
        .where(_signature.c.petition_id == petition_id, *visible_to(partner_id))
    )
    return statement if state is None else statement.where(_signature.c.state == state)


def _read(session: Session, statement: sa.Select[*tuple[Any, ...]]) -> list[PartnerSignature]:
    return cast(list[PartnerSignature], [tuple(row) for row in session.execute(statement)])


def _summary(slug: str, states: list[Any], sources: list[Any], days: list[Any]) -> PartnerSummary:
    largest = sorted(sources, key=lambda pair: (-pair[1], pair[0] or ""))
    return PartnerSummary(
        petition=slug,
        states=dict.fromkeys(SignatureState, 0) | dict(states),
        sources=tuple(PartnerSourceCount(*pair) for pair in largest[:MOST_SOURCES]),
        other_sources=sum(count for _, count in largest[MOST_SOURCES:]),
        days=tuple(PartnerDayCount(date.fromisoformat(day), count) for day, count in sorted(days)),
    )


def _counts(
    session: Session, conditions: Sequence[sa.ColumnElement[bool]], by: sa.ColumnElement[Any]
) -> dict[str, list[tuple[Any, int]]]:
    """Returns pairs of a value and its count by the petition's slug, by petition number."""
    statement = (
        sa.select(_petition.c.number, _petition.c.slug, by, sa.func.count())
        .join(_petition, _petition.c.id == _signature.c.petition_id)
        .where(*conditions)
        .group_by(_petition.c.number, _petition.c.slug, by)
        .order_by(_petition.c.number)
    )
    by_slug: dict[str, list[tuple[Any, int]]] = {}
    for _, slug, value, count in session.connection().execute(statement):
        by_slug.setdefault(slug, []).append((value, count))
    return by_slug


def _day(session: Session, moment: sa.Column[Any]) -> sa.ColumnElement[str]:
    """Returns SQL for the day of a moment, such as '2026-07-01', always in UTC."""
    if session.connection().dialect.name == "sqlite":
        return sa.func.substr(sa.type_coerce(moment, sa.Text), 1, 10, type_=sa.Text)
    in_utc = sa.func.timezone(sa.literal_column("'UTC'"), moment)
    return sa.func.to_char(in_utc, sa.literal_column("'YYYY-MM-DD'"), type_=sa.Text)
