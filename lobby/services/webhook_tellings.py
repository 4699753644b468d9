"""Deliveries of webhooks, put in the queue: a telling is one event for one endpoint."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlmodel import Session

from lobby.models import DeliveryState, WebhookDelivery, WebhookEvent
from lobby.models.base import RowId, new_ids, table_of
from lobby.services import bulk_inserts

_delivery = table_of(WebhookDelivery)


class Telling(NamedTuple):
    """`payload` is the thin body; `subject_id` the row that it is about, where there is one."""

    endpoint_id: UUID
    subject_id: RowId | None
    payload: str


def queue(
    session: Session, event: WebhookEvent, tellings: Sequence[Telling], *, now: datetime
) -> list[UUID]:
    """All tellings of an event in one statement; the ids of their deliveries."""
    if not tellings:
        return []
    ids = new_ids(len(tellings))
    varying: dict[str, list[Any]] = {
        "id": ids,
        "endpoint_id": [each.endpoint_id for each in tellings],
        "subject_id": [each.subject_id for each in tellings],
        "payload": [each.payload for each in tellings],
    }
    shared = {
        "event": event,
        "state": DeliveryState.QUEUED,
        "attempt": 0,
        "created_at": now,
        "due_at": now,
    }
    bulk_inserts.insert_columns(session, _delivery, varying, shared, is_ignoring=False)
    return [UUID(each) for each in ids]
