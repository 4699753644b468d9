"""What a partner sees of the signatures that came through it.

A partner could send us any address as if its owner had signed on its site. If it then saw the
signature at once, it would find out who is here already: theirs would not appear. So it sees those
that were confirmed since they came through it, and nobody's before: what was not answered stays
between us and the owner of the address.

How many signatures came through a partner: numbers, and nobody's data.

It counts along the index of what came through the partner, and so takes time in proportion to
that. What it tells is bounded, however much there is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import Partner, Petition, Signature, SignatureState, Supporter
from models.base import table_of
from services.signatures import signature_states
from services.supporters import partner_consents

_signature = table_of(Signature)
_UNANSWERED = (SignatureState.PENDING, SignatureState.EXPIRED)
PartnerSignature = tuple[Signature, Supporter, bool | None]
MOST_DAYS, MOST_SOURCES = 366, 50
MOST_COUNTED = 10_000
_petition, _partner = table_of(Petition), table_of(Partner)


@dataclass(frozen=True, slots=True)
class PartnerSourceCount:
    """Confirmed signatures with one tracking code; None is of those without any."""

    source: str | None
    confirmed: int


@dataclass(frozen=True, slots=True)
class PartnerDayCount:
    """Confirmed signatures by the day, in UTC, of their confirmation."""

    day: date
    confirmed: int


@dataclass(frozen=True, slots=True)
class PartnerSummary:
    """Of one petition. `sources` has the largest, `other_sources` the sum of the others; `days`
    those of the span that is asked for on which there were any, oldest first."""

    petition: str
    states: dict[SignatureState, int]
    sources: tuple[PartnerSourceCount, ...]
    other_sources: int
    days: tuple[PartnerDayCount, ...]


def visible_to(partner_id: UUID) -> list[sa.ColumnElement[bool]]:
    """For statements that have signatures: those that a partner sees.

    Who withdrew keeps the time of their confirmation when they sign again, so that it must be
    later than the signature.
    """
    return [
        _signature.c.partner_id == partner_id,
        _signature.c.confirmed_at >= _signature.c.signed_at,
        _signature.c.state.not_in(_UNANSWERED),
    ]


def page(
    session: Session,
    petition_id: UUID,
    *,
    partner_id: UUID,
    state: SignatureState | None,
    since: datetime | None,
    after: UUID | None,
    limit: int,
) -> list[PartnerSignature]:
    """As `signature_states.page`, of what a partner sees, and whether it may contact the signer:
    None where they were not asked."""
    contact = partner_consents.may_contact().label("contact")
    statement = (
        select(Signature, Supporter, contact)
        .join(Supporter, col(Supporter.id) == Signature.supporter_id)
        .join(Partner, col(Partner.id) == Signature.partner_id)
        .where(Signature.petition_id == petition_id, *visible_to(partner_id))
    )
    if state is not None:
        statement = statement.where(Signature.state == state)
    if since is not None:
        statement = statement.where(signature_states.changed_since(since))
    if after is not None:
        statement = statement.where(Signature.id > after)
    rows = session.exec(statement.order_by(col(Signature.id)).limit(limit))
    return cast(list[PartnerSignature], [tuple(row) for row in rows])


def of_partner(
    session: Session,
    partner: Partner,
    *,
    is_own: bool,
    petition_ids: frozenset[UUID] = frozenset(),
    days: int,
    now: datetime,
) -> list[PartnerSummary]:
    """For each petition that has any, in the order of their numbers, in three statements.

    `is_own`: for the partner itself, who sees what was confirmed since it came through it; the
    organisation sees all. No `petition_ids` are all petitions. `days` is how many to tell,
    1 to 366, with today.
    """
    seen = [_signature.c.partner_id == partner.id]
    if is_own:
        seen = visible_to(partner.id)
    if petition_ids:
        seen.append(_signature.c.petition_id.in_(petition_ids))
    states = _counts(session, seen, _signature.c.state)
    counted = [*seen, _signature.c.state == SignatureState.CONFIRMED]
    sources = _counts(session, counted, _signature.c.source)
    first = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)
    in_span = [*counted, _signature.c.confirmed_at >= first]
    by_day = _counts(session, in_span, _day(session, _signature.c.confirmed_at))
    return [
        _summary(slug, states[slug], sources.get(slug, []), by_day.get(slug, [])) for slug in states
    ]


def count_by_partner(session: Session, organisation_id: UUID) -> dict[UUID, int]:
    """Confirmed signatures by partner, in one statement.

    It stops counting a partner's beyond `MOST_COUNTED`, and says one more than that: a list of
    partners must not take the longer the more they bring.
    """
    some = (
        sa.select(_signature.c.id)
        .where(
            _signature.c.partner_id == _partner.c.id,
            _signature.c.state == SignatureState.CONFIRMED,
        )
        .limit(MOST_COUNTED + 1)
        .correlate(_partner)
        .subquery()
    )
    count = sa.select(sa.func.count()).select_from(some).scalar_subquery()
    statement = sa.select(_partner.c.id, count).where(_partner.c.organisation_id == organisation_id)
    return {row[0]: row[1] for row in session.connection().execute(statement)}


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
    """By slugs, in the order of the petitions' numbers: a value and how many have it."""
    statement = (
        sa.select(_petition.c.number, _petition.c.slug, by, sa.func.count())
        .join(_petition, _petition.c.id == _signature.c.petition_id)
        .where(*conditions)
        .group_by(_petition.c.number, _petition.c.slug, by)
        .order_by(_petition.c.number)
    )
    found: dict[str, list[tuple[Any, int]]] = {}
    for _, slug, value, count in session.connection().execute(statement):
        found.setdefault(slug, []).append((value, count))
    return found


def _day(session: Session, moment: sa.Column[Any]) -> sa.ColumnElement[str]:
    """`2026-07-01`, in UTC whatever the zone of the connection."""
    if session.connection().dialect.name == "sqlite":
        return sa.func.substr(sa.type_coerce(moment, sa.Text), 1, 10, type_=sa.Text)
    in_utc = sa.func.timezone(sa.literal_column("'UTC'"), moment)
    return sa.func.to_char(in_utc, sa.literal_column("'YYYY-MM-DD'"), type_=sa.Text)
