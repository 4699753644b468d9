"""Supporters as their own organisation sees them: when they changed, and whether they want news."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import Consent, Signature, Supporter
from models.base import table_of
from services.database.time_windows import PageRange, TimeBound, any_after, conditions
from services.errors import NotFound
from services.supporters import supporters

_supporter, _signature, _consent = table_of(Supporter), table_of(Signature), table_of(Consent)
_SIGNED = (_signature.c.signed_at, _signature.c.confirmed_at, _signature.c.ended_at)
_TOLD = (_consent.c.given_at, _consent.c.effective_at)
_OWN = (
    _supporter.c.created_at,
    _supporter.c.changed_at,
    _supporter.c.mail_off_at,
    _supporter.c.questions_off_at,
)


@dataclass(frozen=True, slots=True)
class SupporterView:
    """`wants_updates` is None where they never said. `modified_at` moves with whatever they sign,
    say or take back, and with what the organisation changes."""

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
    """Those of one organisation, oldest first; with `email_index` (`Address.index`) that one."""
    wanted = [
        _supporter.c.organisation_id == organisation_id,
        *conditions(bounds, created=_supporter.c.created_at, modified=_touched),
    ]
    if email_index is not None:
        wanted.append(_supporter.c.email_index == email_index)
    return _views(session, wanted, where)


def get(session: Session, supporter_id: UUID, *, organisation_id: UUID) -> SupporterView:
    """One of an organisation's; another's is NotFound."""
    wanted = [_supporter.c.organisation_id == organisation_id, _supporter.c.id == supporter_id]
    found = _views(session, wanted, PageRange(0, 1))
    if not found:
        raise NotFound("person_unknown", "There is no such person.")
    return found[0]


def _views(
    session: Session, wanted: Sequence[sa.ColumnElement[bool]], where: PageRange
) -> list[SupporterView]:
    statement = (
        select(Supporter, supporters.may_be_sent_updates())
        .where(*wanted)
        .order_by(col(Supporter.id))
        .offset(where.offset)
        .limit(where.limit)
        .execution_options(populate_existing=True)
    )
    found = [(supporter, wants) for supporter, wants in session.exec(statement)]
    times = _times(session, [supporter.id for supporter, _ in found])
    return [
        SupporterView(supporter, wants, max(_own_times(supporter) + times[supporter.id]))
        for supporter, wants in found
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
    """When what belongs to each of them changed: two statements, however many they are."""
    found: dict[UUID, list[datetime]] = {supporter_id: [] for supporter_id in ids}
    for owner, times in ((_signature.c.supporter_id, _SIGNED), (_consent.c.supporter_id, _TOLD)):
        latest: list[sa.ColumnElement[Any]] = [sa.func.max(time) for time in times]
        statement = sa.select(owner, *latest).where(owner.in_(ids)).group_by(owner)
        for supporter_id, *whens in session.connection().execute(statement):
            found[supporter_id] += [when for when in whens if when is not None]
    return found


def _touched(moment: datetime, is_inclusive: bool) -> sa.ColumnElement[bool]:
    def has(owner: sa.Column[Any], times: Sequence[sa.Column[Any]]) -> sa.ColumnElement[bool]:
        return sa.exists().where(owner == _supporter.c.id, any_after(*times)(moment, is_inclusive))

    return sa.or_(
        any_after(*_OWN)(moment, is_inclusive),
        has(_signature.c.supporter_id, _SIGNED),
        has(_consent.c.supporter_id, _TOLD),
    )
