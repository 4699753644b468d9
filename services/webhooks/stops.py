"""Disabled endpoints: their queued deliveries are held until they are enabled again."""

from datetime import datetime
from itertools import groupby
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import DeliveryState, DisabledReason, WebhookDelivery, WebhookEndpoint
from models.base import table_of
from services.webhooks import warning_mails
from services.webhooks.listeners import has_responsible

_delivery = table_of(WebhookDelivery)


def hold(session: Session, endpoint_id: UUID) -> None:
    """Hold the queued deliveries of a disabled endpoint."""
    _move_all(session, endpoint_id, DeliveryState.QUEUED, DeliveryState.HELD)


def release(session: Session, endpoint_id: UUID) -> None:
    """Queue the held deliveries of an endpoint again."""
    _move_all(session, endpoint_id, DeliveryState.HELD, DeliveryState.QUEUED)


def disable_keyless(session: Session, *, now: datetime) -> list[UUID]:
    """Disable the endpoints whose keys have been revoked or have expired; returns their ids.

    The organisers get one email per key.
    """
    statement = (
        select(WebhookEndpoint)
        .where(col(WebhookEndpoint.disabled_at).is_(None), ~has_responsible(now))
        .order_by(col(WebhookEndpoint.api_key_id), col(WebhookEndpoint.id))
        .with_for_update(key_share=True)
    )
    keyless = list(session.exec(statement))
    for endpoint in keyless:
        endpoint.disabled_at, endpoint.disabled_reason = now, DisabledReason.KEY_ENDED
    for _, of_key in groupby(keyless, key=lambda endpoint: endpoint.api_key_id):
        warning_mails.queue_stopped(session, list(of_key), now=now)
    session.flush()
    for endpoint in keyless:
        hold(session, endpoint.id)
    return [endpoint.id for endpoint in keyless]


def disabled_automatically(session: Session) -> list[WebhookEndpoint]:
    """Returns the endpoints that the service has disabled, for `lobby check`."""
    statement = select(WebhookEndpoint).where(
        col(WebhookEndpoint.disabled_at).is_not(None),
        WebhookEndpoint.disabled_reason != DisabledReason.BY_HAND,
    )
    return list(session.exec(statement.order_by(col(WebhookEndpoint.disabled_at))))


def _move_all(
    session: Session, endpoint_id: UUID, from_state: DeliveryState, to_state: DeliveryState
) -> None:
    session.connection().execute(
        sa.update(_delivery)
        .where(_delivery.c.endpoint_id == endpoint_id, _delivery.c.state == from_state)
        .values(state=to_state)
    )
