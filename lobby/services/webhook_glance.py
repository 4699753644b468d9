"""How an organisation's endpoints do, at a glance: what was delivered, waits, is held or failed."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from lobby.models import DeliveryState, WebhookDelivery, WebhookEndpoint
from lobby.models.base import table_of

MOST_COUNTED = 1000
"""Of each kind: whoever looks does not wait for a count of millions."""
_endpoint, _delivery = table_of(WebhookEndpoint), table_of(WebhookDelivery)


class Figures(NamedTuple):
    """Of one endpoint, each at most `MOST_COUNTED`; those that are on their way wait."""

    delivered_at: datetime | None
    waiting: int
    held: int
    failed: int


def figures(session: Session, endpoint_ids: Collection[UUID]) -> dict[UUID, Figures]:
    """By endpoint, in one statement along an index."""
    if not endpoint_ids:
        return {}
    statement = sa.select(
        _endpoint.c.id,
        _last_delivered(),
        _counted(DeliveryState.QUEUED, DeliveryState.CLAIMED),
        _counted(DeliveryState.HELD),
        _counted(DeliveryState.FAILED),
    ).where(_endpoint.c.id.in_(endpoint_ids))
    return {row[0]: Figures(*row[1:]) for row in session.connection().execute(statement)}


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


def _counted(*states: DeliveryState) -> sa.ScalarSelect[int]:
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
