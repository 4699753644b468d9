"""Queues webhook events about motions, as `events` does for the rest."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from models import Member, Membership, Motion, MotionEventKind, MotionSignatory, WebhookEvent
from models.base import table_of
from services.parliament.motion_history import Change
from services.webhooks import events, listeners
from services.webhooks.events import NewDelivery
from services.webhooks.payloads import Data, body

_member, _membership = table_of(Member), table_of(Membership)
_signatory = table_of(MotionSignatory)
_KINDS = {
    MotionEventKind.SIGNED: WebhookEvent.MOTION_SIGNED,
    MotionEventKind.RESTORED: WebhookEvent.MOTION_SIGNED,
    MotionEventKind.WITHDRAWN: WebhookEvent.MOTION_WITHDRAWN,
    MotionEventKind.MOTION_WITHDRAWN: WebhookEvent.MOTION_WITHDRAWN,
    MotionEventKind.LAPSED: WebhookEvent.MOTION_LAPSED,
}
# Distinct members, because a member can appear twice.
_SIGNED = sa.select(sa.func.count(_signatory.c.member_id.distinct())).where(
    _signatory.c.motion_id == sa.bindparam("motion"), ~_signatory.c.is_withdrawn
)


def changed(session: Session, motion: Motion, changes: Sequence[Change], *, now: datetime) -> None:
    """Queue the events of changes to a motion, which must be in the database already."""
    relevant = [(_KINDS[change.kind], change) for change in changes if change.kind in _KINDS]
    if not relevant:
        return
    endpoints, campaigns = listeners.to_motion(session, motion.id, now=now)
    if not endpoints:
        return
    member_ids = {change.member_id for _, change in relevant if change.member_id}
    members = _members(session, member_ids, now)
    motion_data = {"id": motion.id, "number": motion.number, "title": motion.title}
    signed = session.connection().execute(_SIGNED, {"motion": motion.id}).scalar_one()
    deliveries: dict[WebhookEvent, list[NewDelivery]] = defaultdict(list)
    for event, change in relevant:
        data = {
            "motion": motion_data,
            "signed": signed,
            "member": members.get(change.member_id or 0),
            "happened_on": change.happened_on,
        }
        for endpoint_id, subscribed in endpoints.items():
            if event in subscribed:
                payload = body(event, data | {"campaigns": campaigns[endpoint_id]}, at=now)
                deliveries[event].append(NewDelivery(endpoint_id, None, payload))
    for event, of_event in deliveries.items():
        events.queue(session, event, of_event, now=now)


def _members(session: Session, ids: Collection[int], now: datetime) -> dict[int, Data]:
    """Returns members with today's constituency by id; it is None for a former member."""
    today = now.date()
    holds = sa.and_(
        _membership.c.member_id == _member.c.id,
        _membership.c.starts_on <= today,
        sa.or_(_membership.c.ends_on.is_(None), _membership.c.ends_on > today),
    )
    statement = (
        sa.select(
            _member.c.id,
            _member.c.name,
            _member.c.party,
            _membership.c.constituency_code.label("constituency"),
        )
        .outerjoin(_membership, holds)
        .where(_member.c.id.in_(ids))
    )
    rows = session.connection().execute(statement).mappings() if ids else ()
    return {row["id"]: dict(row) for row in rows}
