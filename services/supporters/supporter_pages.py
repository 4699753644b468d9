"""Paged lists of supporters for their organisation: when they changed, and their answer on news."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import Consent, Signature, Supporter
from models.base import table_of
from services.database.time_windows import PageRange, TimeBound, any_after, conditions
from services.database.totals import counted
from services.errors import NotFound
from services.supporters import supporters

_supporter, _signature, _consent = table_of(Supporter), table_of(Signature), table_of(Consent)
_SIGNED = (_signature.c.signed_at, _signature.c.confirmed_at, _signature.c.ended_at)
_ANSWERED = (_consent.c.given_at, _consent.c.effective_at)
_OWN = (
    _supporter.c.created_at,
    _supporter.c.changed_at,
    _supporter.c.mail_off_at,
    _supporter.c.questions_off_at,
)


@dataclass(frozen=True, slots=True)
class SupporterView:
    """A supporter with the latest change of any of their data.

    `wants_updates` is None if they never answered. `modified_at` covers their signatures, answers
    and preferences, and the organisation's changes.
    """

    supporter: Supporter
    wants_updates: bool | None
    modified_at: datetime


def page(
    session: Session,
    organisation_id: UUID,
    where: PageRange,
    *,
    bounds: Sequence[TimeBound] = (),
    email_index: bytes | None = None,
) -> list[SupporterView]:
    """Returns supporters of one organisation, the oldest first.

    `email_index` (`EmailAddress.index`) limits them to one address.
    """
    filters = [
        _supporter.c.organisation_id == organisation_id,
        *conditions(bounds, created=_supporter.c.created_at, modified=_touched),
    ]
    if email_index is not None:
        filters.append(_supporter.c.email_index == email_index)
    return _views(session, filters, where)


def total(session: Session, organisation_id: UUID) -> int | None:
    """Returns how many supporters an organisation has; None as `counted`."""
    own = sa.select(_supporter.c.id).where(_supporter.c.organisation_id == organisation_id)
    # In the order of their index: PostgreSQL would read the table where most rows are theirs.
    return counted(session, own.order_by(_supporter.c.email_index))


def get(session: Session, supporter_id: UUID, *, organisation_id: UUID) -> SupporterView:
    """Returns a supporter of this organisation; raises NotFound for any other."""
    return _only(session, organisation_id, _supporter.c.id == supporter_id)


def address_id(email_index: bytes) -> UUID:
    """Returns the beginning of an address's index (`EmailAddress.index`) as an id for its owner.

    It is made of the address alone, and no look-up is needed.
    """
    return UUID(bytes=bytes(email_index[:16]))


def find(session: Session, known_as: UUID, *, organisation_id: UUID) -> SupporterView:
    """Works like `get`, by the supporter's id or by the id of their address (`address_id`)."""
    try:
        return get(session, known_as, organisation_id=organisation_id)
    except NotFound:
        first, last = known_as.bytes, known_as.bytes + b"\xff" * 16
        begins = _supporter.c.email_index.between(first, last)
        return _only(session, organisation_id, begins)


def address_ids(session: Session, supporter_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Returns the ids of supporters' addresses (`address_id`) by their own ids."""
    statement = sa.select(_supporter.c.id, _supporter.c.email_index).where(
        _supporter.c.id.in_(set(supporter_ids))
    )
    rows = session.connection().execute(statement)
    return {row_id: address_id(email_index) for row_id, email_index in rows}


def _only(
    session: Session, organisation_id: UUID, condition: sa.ColumnElement[bool]
) -> SupporterView:
    filters = [_supporter.c.organisation_id == organisation_id, condition]
    views = _views(session, filters, PageRange(0, 1))
    if not views:
        raise NotFound("person_unknown", "There is no such person.")
    return views[0]


def _views(
    session: Session, filters: Sequence[sa.ColumnElement[bool]], where: PageRange
) -> list[SupporterView]:
    statement = (
        select(Supporter, supporters.may_be_sent_updates())
        .where(*filters)
        .order_by(col(Supporter.id))
        .offset(where.offset)
        .limit(where.limit)
        .execution_options(populate_existing=True)
    )
    rows = [(supporter, wants) for supporter, wants in session.exec(statement)]
    if not rows:
        return []
    times = _times(session, [supporter.id for supporter, _ in rows])
    return [
        SupporterView(supporter, wants, max(_own_times(supporter) + times[supporter.id]))
        for supporter, wants in rows
    ]


def _own_times(supporter: Supporter) -> list[datetime]:
    times = (
        supporter.created_at,
        supporter.changed_at,
        supporter.mail_off_at,
        supporter.questions_off_at,
    )
    return [time for time in times if time is not None]


def _times(session: Session, ids: list[UUID]) -> dict[UUID, list[datetime]]:
    """Returns when signatures and answers of supporters last changed, in two statements."""
    by_supporter: dict[UUID, list[datetime]] = {supporter_id: [] for supporter_id in ids}
    for owner, times in (
        (_signature.c.supporter_id, _SIGNED),
        (_consent.c.supporter_id, _ANSWERED),
    ):
        latest: list[sa.ColumnElement[Any]] = [sa.func.max(time) for time in times]
        statement = sa.select(owner, *latest).where(owner.in_(ids)).group_by(owner)
        for supporter_id, *whens in session.connection().execute(statement):
            by_supporter[supporter_id] += [when for when in whens if when is not None]
    return by_supporter


def _touched(moment: datetime, is_inclusive: bool) -> sa.ColumnElement[bool]:
    def has(owner: sa.Column[Any], times: Sequence[sa.Column[Any]]) -> sa.ColumnElement[bool]:
        return sa.exists().where(owner == _supporter.c.id, any_after(*times)(moment, is_inclusive))

    return sa.or_(
        any_after(*_OWN)(moment, is_inclusive),
        has(_signature.c.supporter_id, _SIGNED),
        has(_consent.c.supporter_id, _ANSWERED),
    )
