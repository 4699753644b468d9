"""Webhook deliveries: the log of each endpoint, resending, tests, counts and cleanup.

A delivery goes from queued to claimed, and then to delivered, failed, or back to queued for a retry
(`claims`, `outcomes`). While its endpoint is disabled it is held (`stops`).
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import DeliveryState, WebhookDelivery, WebhookEndpoint, WebhookEvent
from models.base import table_of
from services.errors import Conflict, NotFound
from services.webhooks import events, payloads

KEPT_FOR = timedelta(days=30)
MOST_COUNTED = 1000
"""The limit of each count of an endpoint, so that no page waits for a count of millions."""
_WAITING = (DeliveryState.QUEUED, DeliveryState.CLAIMED)
_delivery, _endpoint = table_of(WebhookDelivery), table_of(WebhookEndpoint)


class DeliveryCounts(NamedTuple):
    """The deliveries of one endpoint: the time of the last success, and counts up to
    `MOST_COUNTED`. Claimed deliveries count as waiting."""

    delivered_at: datetime | None
    waiting: int
    held: int
    failed: int


def page(
    session: Session,
    endpoint: WebhookEndpoint,
    *,
    state: DeliveryState | None,
    after: UUID | None,
    limit: int,
) -> list[WebhookDelivery]:
    """Returns deliveries of an endpoint, the newest first, starting after the id `after`."""
    statement = select(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint.id)
    if state is not None:
        statement = statement.where(WebhookDelivery.state == state)
    if after is not None:
        statement = statement.where(WebhookDelivery.id < after)
    return list(session.exec(statement.order_by(col(WebhookDelivery.id).desc()).limit(limit)))


def resend(
    session: Session, endpoint: WebhookEndpoint, delivery_id: UUID, *, now: datetime
) -> WebhookDelivery:
    """Queue a finished delivery again, under the same id and with a new set of attempts.

    Raises NotFound for a delivery of another endpoint, and Conflict if it has not finished or the
    endpoint is disabled.
    """
    require_enabled(endpoint)
    changed = session.connection().execute(
        sa.update(_delivery)
        .where(
            _delivery.c.id == delivery_id,
            _delivery.c.endpoint_id == endpoint.id,
            _delivery.c.state.in_((DeliveryState.DELIVERED, DeliveryState.FAILED)),
        )
        .values(state=DeliveryState.QUEUED, attempt=0, due_at=now, finished_at=None)
    )
    delivery = get(session, endpoint, delivery_id)
    if not changed.rowcount:
        raise Conflict("delivery_waits", "This delivery has not ended yet: it goes by itself.")
    return delivery


def get(session: Session, endpoint: WebhookEndpoint, delivery_id: UUID) -> WebhookDelivery:
    """Returns one delivery of an endpoint; raises NotFound."""
    delivery = session.get(WebhookDelivery, delivery_id, populate_existing=True)
    if delivery is None or delivery.endpoint_id != endpoint.id:
        raise NotFound("delivery_unknown", "There is no such delivery.")
    return delivery


def queue_test(session: Session, endpoint: WebhookEndpoint, *, now: datetime) -> WebhookDelivery:
    """Queue a test delivery. Raises Conflict if the endpoint is disabled."""
    require_enabled(endpoint)
    event, data = WebhookEvent.TEST, payloads.TEST
    delivery_id = events.queue_one(session, endpoint.id, event, data, now=now)
    return get(session, endpoint, delivery_id)


def require_enabled(endpoint: WebhookEndpoint) -> None:
    """Raises Conflict if an endpoint is disabled."""
    if endpoint.disabled_at is not None:
        raise Conflict("webhook_disabled", "This webhook is disabled: enable it first.")


def count_unfinished(session: Session) -> dict[str, int]:
    """Returns the number of unfinished deliveries by state, for metrics and `lobby check`."""
    open_states = (*_WAITING, DeliveryState.HELD)
    statement = (
        sa.select(_delivery.c.state, sa.func.count())
        .where(_delivery.c.state.in_(open_states))
        .group_by(_delivery.c.state)
    )
    zeros = dict.fromkeys(map(str, open_states), 0)
    rows = session.connection().execute(statement)
    return zeros | {str(state): count for state, count in rows}


def delete_old(session: Session, *, now: datetime, limit: int) -> int:
    """Delete up to `limit` deliveries older than `KEPT_FOR`, oldest first; returns how many."""
    old = (
        sa.select(_delivery.c.id)
        .where(_delivery.c.created_at <= now - KEPT_FOR)
        .order_by(_delivery.c.created_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    statement = sa.delete(_delivery).where(_delivery.c.id.in_(old))
    return session.connection().execute(statement).rowcount


def counts(session: Session, endpoint_ids: Collection[UUID]) -> dict[UUID, DeliveryCounts]:
    """Returns the counts by endpoint, in one statement that uses an index."""
    if not endpoint_ids:
        return {}
    statement = sa.select(
        _endpoint.c.id,
        _last_delivered(),
        _capped_count(*_WAITING),
        _capped_count(DeliveryState.HELD),
        _capped_count(DeliveryState.FAILED),
    ).where(_endpoint.c.id.in_(endpoint_ids))
    return {row[0]: DeliveryCounts(*row[1:]) for row in session.connection().execute(statement)}


def _last_delivered() -> sa.ScalarSelect[datetime]:
    # Ordered by `due_at`, because that has an index.
    return (
        sa.select(_delivery.c.finished_at)
        .where(*_of_endpoint(DeliveryState.DELIVERED))
        .order_by(_delivery.c.due_at.desc())
        .limit(1)
        .correlate(_endpoint)
        .scalar_subquery()
    )


def _capped_count(*states: DeliveryState) -> sa.ScalarSelect[int]:
    limited = (
        sa.select(_delivery.c.id)
        .where(*_of_endpoint(*states))
        .limit(MOST_COUNTED)
        .correlate(_endpoint)
        .subquery()
    )
    return sa.select(sa.func.count()).select_from(limited).scalar_subquery()


def _of_endpoint(*states: DeliveryState) -> tuple[sa.ColumnElement[bool], ...]:
    return (_delivery.c.endpoint_id == _endpoint.c.id, _delivery.c.state.in_(states))
