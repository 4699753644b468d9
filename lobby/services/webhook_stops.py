"""Endpoints that are disabled: what waits for one is held until it is enabled again."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from lobby.models import ApiKey, DeliveryState, DisabledReason, WebhookDelivery, WebhookEndpoint
from lobby.models.base import table_of
from lobby.services.api_keys import key_is_good

_delivery = table_of(WebhookDelivery)


def hold(session: Session, endpoint_id: UUID) -> None:
    """What waits for a disabled endpoint waits until it is enabled."""
    _move_all(session, endpoint_id, DeliveryState.QUEUED, DeliveryState.HELD)


def release(session: Session, endpoint_id: UUID) -> None:
    """What was held for an endpoint may go."""
    _move_all(session, endpoint_id, DeliveryState.HELD, DeliveryState.QUEUED)


def disable_keyless(session: Session, *, now: datetime) -> list[UUID]:
    """Disable the endpoints whose keys have been revoked or have expired; their ids."""
    statement = (
        select(WebhookEndpoint)
        .join(ApiKey, col(ApiKey.id) == WebhookEndpoint.api_key_id)
        .where(col(WebhookEndpoint.disabled_at).is_(None), ~key_is_good(now))
        .with_for_update(of=WebhookEndpoint, key_share=True)
    )
    ended = list(session.exec(statement))
    for endpoint in ended:
        endpoint.disabled_at, endpoint.disabled_reason = now, DisabledReason.KEY_ENDED
    session.flush()
    for endpoint in ended:
        hold(session, endpoint.id)
    return [endpoint.id for endpoint in ended]


def _move_all(
    session: Session, endpoint_id: UUID, held: DeliveryState, state: DeliveryState
) -> None:
    session.connection().execute(
        sa.update(_delivery)
        .where(_delivery.c.endpoint_id == endpoint_id, _delivery.c.state == held)
        .values(state=state)
    )
