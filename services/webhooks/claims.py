"""Claims on webhook deliveries: finds due deliveries and assigns them to a worker.

`services.database.work_queue` has the rules of claims and attempts.
"""

from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, select

from models import DeliveryState, WebhookDelivery, WebhookEndpoint
from models.base import table_of
from services.database.work_queue import WorkQueue
from services.webhooks.listeners import has_responsible
from services.webhooks.retry_times import MOST_FAILURES, rest_after

LEASE = timedelta(minutes=5)
_endpoint, _delivery = table_of(WebhookEndpoint), table_of(WebhookDelivery)
queue = WorkQueue[WebhookDelivery](
    WebhookDelivery, due=(DeliveryState.QUEUED,), claimed=DeliveryState.CLAIMED
)


def due_endpoints(session: Session, *, now: datetime, limit: int) -> list[UUID]:
    """Returns up to `limit` available endpoints that have due deliveries, in random order."""
    has_due = sa.exists().where(_delivery.c.endpoint_id == _endpoint.c.id, queue.is_due(now))
    # In random order, so that none is always left out if there are more than `limit`.
    statement = (
        sa.select(_endpoint.c.id)
        .where(*_is_available(now), has_due)
        .order_by(sa.func.random())
        .limit(limit)
    )
    return list(session.connection().execute(statement).scalars())


def oldest_due(session: Session, *, now: datetime) -> timedelta:
    """Returns for how long the oldest due delivery has been due; zero if none is due."""
    statement = sa.select(sa.func.min(_delivery.c.due_at)).where(queue.is_due(now))
    oldest: datetime | None = session.connection().execute(statement).scalar()
    return now - oldest if oldest else timedelta(0)


def claim(
    session: Session, endpoint_id: UUID, *, now: datetime, limit: int
) -> tuple[WebhookEndpoint | None, list[WebhookDelivery]]:
    """Claim due deliveries of one endpoint, the oldest first, each with a new attempt number.

    If the endpoint has failed several times, claims only one and starts its pause again, so that no
    other worker tries it meanwhile. Returns (None, []) if the endpoint is not available.
    """
    statement = (
        select(WebhookEndpoint)
        .where(WebhookEndpoint.id == endpoint_id, *_is_available(now))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    endpoint = session.exec(statement).first()
    if endpoint is None:
        return None, []
    if endpoint.failures >= MOST_FAILURES:
        limit, endpoint.resting_until = 1, now + rest_after(endpoint.failures)
        session.flush()
    return endpoint, _claim_rows(session, endpoint_id, now, limit)


def release_stale(session: Session, *, now: datetime) -> int:
    """Queue the deliveries whose worker died again, under the same id; returns how many."""
    is_disabled = sa.exists().where(
        _endpoint.c.id == _delivery.c.endpoint_id, _endpoint.c.disabled_at.is_not(None)
    )
    changed = session.connection().execute(
        sa.update(_delivery)
        .where(
            _delivery.c.state == DeliveryState.CLAIMED,
            _delivery.c.claimed_at < now - LEASE,
        )
        .values(
            state=sa.case((is_disabled, DeliveryState.HELD), else_=DeliveryState.QUEUED),
            due_at=now,
        )
    )
    return changed.rowcount


def _is_available(now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    """SQL conditions on endpoints: enabled, not paused, with a valid key or an organiser."""
    resting_until = _endpoint.c.resting_until
    return (
        _endpoint.c.disabled_at.is_(None),
        sa.or_(resting_until.is_(None), resting_until <= now),
        has_responsible(now),
    )


def _claim_rows(
    session: Session, endpoint_id: UUID, now: datetime, limit: int
) -> list[WebhookDelivery]:
    due = (
        sa.select(_delivery.c.id)
        .where(queue.is_due(now), _delivery.c.endpoint_id == endpoint_id)
        .order_by(_delivery.c.due_at, _delivery.c.id)
        .limit(limit)
    )
    return queue.claim(session, due, now=now)
