"""When names came on and off a campaign's motion, by the times that Parliament gives."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from models import CampaignMotion, Motion, MotionEvent, MotionEventKind, MotionSignatory
from services.common.times import begin_of_day, end_of_day

_ON = (MotionEventKind.SIGNED, MotionEventKind.RESTORED)
_FIRST_SIGNED_AT = (
    sa.select(sa.func.min(col(MotionSignatory.signed_at)))
    .where(
        col(MotionSignatory.motion_id) == MotionEvent.motion_id,
        col(MotionSignatory.member_id) == MotionEvent.member_id,
    )
    .correlate(MotionEvent)
    .scalar_subquery()
)
# Only for withdrawals: to look it up for every name would take twice as long as all else.
_SIGNED_AT = sa.case((col(MotionEvent.kind) == MotionEventKind.WITHDRAWN, _FIRST_SIGNED_AT))
_OF_NAMES = sa.and_(
    col(MotionEvent.motion_id) == Motion.id,
    col(MotionEvent.kind).in_((*_ON, MotionEventKind.WITHDRAWN)),
)
# Built once: building it costs more than running it.
_EVENTS = (
    sa.select(
        col(Motion.tabled_on),
        col(MotionEvent.member_id),
        col(MotionEvent.kind),
        col(MotionEvent.happened_on),
        col(MotionEvent.happened_at),
        col(MotionEvent.seen_at),
        _SIGNED_AT.label("signed_at"),
    )
    .select_from(Motion)
    .join(CampaignMotion, col(CampaignMotion.motion_id) == Motion.id)
    .outerjoin(MotionEvent, _OF_NAMES)
    .where(
        col(CampaignMotion.campaign_id) == sa.bindparam("campaign_id"),
        col(CampaignMotion.is_current),
    )
    .order_by(col(MotionEvent.seen_at), col(MotionEvent.id))
)


class Change(NamedTuple):
    """When a total changed, and by how much.

    `until` is set where only the day is known: the change came at `at` or later, before `until`.
    """

    at: datetime
    step: int
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class NameChanges:
    """The changes to the number of members on a motion, in order of time.

    `begins_at` is the beginning of the day on which the motion was tabled, or the first name where
    that is earlier; None without a motion.
    """

    changes: tuple[Change, ...]
    begins_at: datetime | None


def of_campaign(session: Session, campaign_id: UUID) -> NameChanges:
    """Returns the changes to the names on a campaign's current motion, in one statement.

    Each counts from `moment_of`. A name that was withdrawn before we first saw the motion counts
    only where Parliament gives the moment at which it was signed.
    """
    rows = session.execute(_EVENTS, {"campaign_id": campaign_id}).all()
    by_member: dict[int, list[Any]] = {}
    for row in rows:
        if row.member_id is not None:
            by_member.setdefault(row.member_id, []).append(row)
    found = (change for events in by_member.values() for change in _of_member(events))
    changes = sorted(found, key=lambda change: change.at)  # one member's stay in their order
    begins = [begin_of_day(row.tabled_on) for row in rows[:1]]
    begins += [change.at for change in changes[:1]]
    return NameChanges(tuple(changes), min(begins, default=None))


def moment_of(happened_on: date, happened_at: datetime | None, seen_at: datetime) -> datetime:
    """Returns the moment from which an event counts: never later than we saw it.

    That is the moment that Parliament gives or, where it gives only a day, the midnight in London
    with which that day begins.
    """
    return min(happened_at or begin_of_day(happened_on), seen_at)


def _of_member(events: Iterable[Any]) -> Iterable[Change]:
    """Yields one member's changes; `events` are in the order in which we saw them."""
    last: Change | None = None
    for event in events:
        is_on = event.kind in _ON
        moment = moment_of(event.happened_on, event.happened_at, event.seen_at)
        if last is None and not is_on and event.signed_at and event.signed_at < moment:
            yield (last := Change(event.signed_at, 1))
        if is_on == (last is not None and last.step == 1):
            continue
        # An event of which only the day is known comes after the one before it all the same.
        at = max(moment, last.at) if last else moment
        until = None if event.happened_at else min(end_of_day(event.happened_on), event.seen_at)
        yield (last := Change(at, 1 if is_on else -1, until))
