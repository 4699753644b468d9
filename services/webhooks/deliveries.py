"""Deliveries of webhooks: the log of each endpoint, sending one again, tests, and how many wait.

queued -> claimed -> delivered, or queued again, or failed (`claims`, `outcomes`);
held while the endpoint is disabled (`stops`).

How an organisation's endpoints do, at a glance: what was delivered, waits, is held or failed.
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
_WAITING = (DeliveryState.QUEUED, DeliveryState.CLAIMED)
_delivery = table_of(WebhookDelivery)
MOST_COUNTED = 1000
"""Of each kind: whoever looks does not wait for a count of millions."""
_endpoint = table_of(WebhookEndpoint)


class DeliveryCounts(NamedTuple):
    """Of one endpoint, each at most `MOST_COUNTED`; those that are on their way wait."""

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
    """The log of an endpoint, the newest first, behind the id `after`."""
    statement = select(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint.id)
    if state is not None:
        statement = statement.where(WebhookDelivery.state == state)
    if after is not None:
        statement = statement.where(WebhookDelivery.id < after)
    return list(session.exec(statement.order_by(col(WebhookDelivery.id).desc()).limit(limit)))


def resend(
    session: Session, endpoint: WebhookEndpoint, delivery_id: UUID, *, now: datetime
) -> WebhookDelivery:
    """Send one again that has ended, under the same id and with all its attempts anew.

    NotFound for one of another endpoint; Conflict for one that waits, or for a disabled endpoint.
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
    found = get(session, endpoint, delivery_id)
    if not changed.rowcount:
        raise Conflict("delivery_waits", "This delivery has not ended yet: it goes by itself.")
    return found


def get(session: Session, endpoint: WebhookEndpoint, delivery_id: UUID) -> WebhookDelivery:
    """One delivery of an endpoint, or NotFound."""
    found = session.get(WebhookDelivery, delivery_id, populate_existing=True)
    if found is None or found.endpoint_id != endpoint.id:
        raise NotFound("delivery_unknown", "There is no such delivery.")
    return found


def queue_test(session: Session, endpoint: WebhookEndpoint, *, now: datetime) -> WebhookDelivery:
    """Queue a delivery that says it is a test. Conflict where the endpoint is disabled."""
    require_enabled(endpoint)
    event, data = WebhookEvent.TEST, payloads.TEST
    delivery_id = events.queue_one(session, endpoint.id, event, data, now=now)
    return get(session, endpoint, delivery_id)


def require_enabled(endpoint: WebhookEndpoint) -> None:
    """Conflict where nothing goes to an endpoint."""
    if endpoint.disabled_at is not None:
        raise Conflict("webhook_disabled", "This webhook is disabled: enable it first.")


def count_unfinished(session: Session) -> dict[str, int]:
    """Deliveries that have not ended, by state; for metrics and `lobby check`."""
    open_states = (*_WAITING, DeliveryState.HELD)
    statement = (
        sa.select(_delivery.c.state, sa.func.count())
        .where(_delivery.c.state.in_(open_states))
        .group_by(_delivery.c.state)
    )
    found = dict.fromkeys(map(str, open_states), 0)
    rows = session.connection().execute(statement)
    return found | {str(state): count for state, count in rows}


def delete_old(session: Session, *, now: datetime, limit: int) -> int:
    """Delete some of what is kept too long, the oldest first; how many."""
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
    """By endpoint, in one statement along an index."""
    if not endpoint_ids:
        return {}
    statement = sa.select(
        _endpoint.c.id,
        _last_delivered(),
        _capped_count(DeliveryState.QUEUED, DeliveryState.CLAIMED),
        _capped_count(DeliveryState.HELD),
        _capped_count(DeliveryState.FAILED),
    ).where(_endpoint.c.id.in_(endpoint_ids))
    return {row[0]: DeliveryCounts(*row[1:]) for row in session.connection().execute(statement)}


def _last_delivered() -> sa.ScalarSelect[datetime]:
    """In the order in which they were due, which has an index."""
    return (
        sa.select(_delivery.c.finished_at)
        .where(*_of_endpoint(DeliveryState.DELIVERED))
        .order_by(_delivery.c.due_at.desc())
        .limit(1)
        .correlate(_endpoint)
        .scalar_subquery()
    )


def _capped_count(*states: DeliveryState) -> sa.ScalarSelect[int]:
    some = (
        sa.select(_delivery.c.id)
        .where(*_of_endpoint(*states))
        .limit(MOST_COUNTED)
        .correlate(_endpoint)
        .subquery()
    )
    return sa.select(sa.func.count()).select_from(some).scalar_subquery()


def _of_endpoint(*states: DeliveryState) -> tuple[sa.ColumnElement[bool], ...]:
    return (_delivery.c.endpoint_id == _endpoint.c.id, _delivery.c.state.in_(states))
