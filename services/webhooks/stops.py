"""Endpoints that are disabled: what waits for one is held until it is enabled again."""

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
    """What waits for a disabled endpoint waits until it is enabled."""
    _move_all(session, endpoint_id, DeliveryState.QUEUED, DeliveryState.HELD)


def release(session: Session, endpoint_id: UUID) -> None:
    """What was held for an endpoint may go."""
    _move_all(session, endpoint_id, DeliveryState.HELD, DeliveryState.QUEUED)


def disable_keyless(session: Session, *, now: datetime) -> list[UUID]:
    """Disable the endpoints whose keys have been revoked or have expired; their ids. The organisers
    get one mail a key."""
    statement = (
        select(WebhookEndpoint)
        .where(col(WebhookEndpoint.disabled_at).is_(None), ~has_responsible(now))
        .order_by(col(WebhookEndpoint.api_key_id), col(WebhookEndpoint.id))
        .with_for_update(key_share=True)
    )
    ended = list(session.exec(statement))
    for endpoint in ended:
        endpoint.disabled_at, endpoint.disabled_reason = now, DisabledReason.KEY_ENDED
    for _, of_key in groupby(ended, key=lambda endpoint: endpoint.api_key_id):
        warning_mails.queue_stopped(session, list(of_key), now=now)
    session.flush()
    for endpoint in ended:
        hold(session, endpoint.id)
    return [endpoint.id for endpoint in ended]


def disabled_automatically(session: Session) -> list[WebhookEndpoint]:
    """Endpoints that are disabled, but not at somebody's wish; for `lobby check`."""
    statement = select(WebhookEndpoint).where(
        col(WebhookEndpoint.disabled_at).is_not(None),
        WebhookEndpoint.disabled_reason != DisabledReason.BY_HAND,
    )
    return list(session.exec(statement.order_by(col(WebhookEndpoint.disabled_at))))


def _move_all(
    session: Session, endpoint_id: UUID, held: DeliveryState, state: DeliveryState
) -> None:
    session.connection().execute(
        sa.update(_delivery)
        .where(_delivery.c.endpoint_id == endpoint_id, _delivery.c.state == held)
        .values(state=state)
    )
