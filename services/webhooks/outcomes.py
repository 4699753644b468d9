"""Records the outcomes of delivery attempts, and pauses, warns of or disables failing endpoints.

A claimed delivery becomes delivered, failed, or queued for a retry, each by a conditional update on
the claim. An endpoint that fails several times in a row is paused, so that its deliveries do not
use up their attempts; after a day the organisers are warned, and after three days it is disabled.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import Session, select

from models import DeliveryState, DisabledReason, WebhookDelivery, WebhookEndpoint
from services.webhooks import claims, retry_times, stops, warning_mails
from services.webhooks.sender import Reply

WARNED_AFTER, DISABLED_AFTER = timedelta(days=1), timedelta(days=3)


@dataclass(frozen=True, slots=True)
class FinishedAttempt:
    """A delivery that was attempted, and the reply."""

    delivery: WebhookDelivery
    reply: Reply


def record(
    session: Session,
    endpoint_id: UUID,
    finished: Sequence[FinishedAttempt],
    unattempted: Sequence[WebhookDelivery] = (),
    *,
    now: datetime,
) -> None:
    """Record finished attempts and update the endpoint.

    Deliveries in `unattempted` were claimed and not attempted; they go back to the queue and keep
    their number of attempts.
    """
    statement = (
        select(WebhookEndpoint)
        .where(WebhookEndpoint.id == endpoint_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    endpoint = session.exec(statement).first()
    if endpoint is None:
        return  # deleted meanwhile, with its deliveries
    was_enabled = endpoint.disabled_at is None
    for attempt in finished:
        if attempt.reply.is_good:
            endpoint.failures, endpoint.failing_since, endpoint.resting_until = 0, None, None
        else:
            _note_failure(endpoint, attempt.reply, now)
        values = _values_after(attempt, now)
        claims.queue.move(session, attempt.delivery, DeliveryState.CLAIMED, **values)
    claims.queue.give_back(session, unattempted, now=now)
    if was_enabled:
        _queue_warnings(session, endpoint, now)
    session.flush()
    if endpoint.disabled_at is not None:
        stops.hold(session, endpoint_id)


def _queue_warnings(session: Session, endpoint: WebhookEndpoint, now: datetime) -> None:
    if endpoint.disabled_at is not None:
        warning_mails.queue_stopped(session, [endpoint], now=now)
    elif endpoint.failing_since and now - endpoint.failing_since >= WARNED_AFTER:
        warning_mails.queue_failing(session, endpoint, now=now)


def _note_failure(endpoint: WebhookEndpoint, reply: Reply, now: datetime) -> None:
    endpoint.failures += 1
    endpoint.failing_since = endpoint.failing_since or now
    rest = retry_times.bounded(reply.retry_after)
    if endpoint.failures >= retry_times.MOST_FAILURES:
        rest = max(rest, retry_times.rest_after(endpoint.failures))
    if rest:
        endpoint.resting_until = now + rest
    if endpoint.disabled_at is not None:
        return
    if reply.is_gone:
        endpoint.disabled_at, endpoint.disabled_reason = now, DisabledReason.GONE
    elif now - endpoint.failing_since >= DISABLED_AFTER:
        endpoint.disabled_at, endpoint.disabled_reason = now, DisabledReason.FAILING


def _values_after(attempt: FinishedAttempt, now: datetime) -> dict[str, Any]:
    """Returns the new column values of the delivery that was attempted."""
    reply = attempt.reply
    values: dict[str, Any] = {"response_status": reply.status, "error": reply.error}
    if reply.is_good:
        return values | {"state": DeliveryState.DELIVERED, "finished_at": now}
    if reply.is_gone:
        return values | {"state": DeliveryState.FAILED, "finished_at": now}
    wait = retry_times.wait_after(attempt.delivery.attempt, reply.retry_after)
    if wait is None:
        return values | {"state": DeliveryState.FAILED, "finished_at": now}
    return values | {"state": DeliveryState.QUEUED, "due_at": now + wait}
