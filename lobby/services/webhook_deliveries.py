"""Deliveries of webhooks: waiting, claimed, and what became of each.

queued -> claimed -> delivered, or queued again, or failed. Every step is a conditional update on
the claim, so that of two workers, or of one that came back from the dead and its successor, only
one is believed. An endpoint that fails several times in a row is left alone for a while, so that
its deliveries do not use up their attempts, and is disabled after three days.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from lobby.models import (
    ApiKey,
    DeliveryState,
    DisabledReason,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
)
from lobby.models.base import table_of
from lobby.services import webhook_events, webhook_payloads
from lobby.services.api_keys import key_is_good
from lobby.services.errors import Conflict, NotFound
from lobby.services.webhook_http import Reply

WAITS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""After each attempt that failed, three days in all; the tenth attempt is the last."""
LONGEST_WAIT = timedelta(hours=24)  # that a receiver can ask for
LEASE = timedelta(minutes=5)
MOST_FAILURES = 5
FIRST_REST = timedelta(seconds=30)
LONGEST_REST = timedelta(minutes=10)
DISABLED_AFTER = timedelta(days=3)
KEPT_FOR = timedelta(days=30)
_WAITING = (DeliveryState.QUEUED, DeliveryState.CLAIMED)
_endpoint, _delivery = table_of(WebhookEndpoint), table_of(WebhookDelivery)
_key = table_of(ApiKey)


@dataclass(frozen=True, slots=True)
class Ended:
    """A delivery that was attempted, and the answer."""

    delivery: WebhookDelivery
    reply: Reply


def due_endpoints(session: Session, *, now: datetime, limit: int) -> list[UUID]:
    """Endpoints for which something is due, and which may be asked now; a look by index each."""
    has_due = sa.exists().where(
        _delivery.c.endpoint_id == _endpoint.c.id,
        _delivery.c.state == DeliveryState.QUEUED,
        _delivery.c.due_at <= now,
    )
    statement = (
        sa.select(_endpoint.c.id)
        .join(_key, _key.c.id == _endpoint.c.api_key_id)
        .where(*_may_be_asked(now), has_due)
        .order_by(sa.func.random())  # with more of them than the limit, each has its turn
        .limit(limit)
    )
    return list(session.connection().execute(statement).scalars())


def claim(
    session: Session, endpoint_id: UUID, *, now: datetime, limit: int
) -> tuple[WebhookEndpoint | None, list[WebhookDelivery]]:
    """Take what is due for one endpoint, the oldest first; each gets a new attempt number.

    One, where the endpoint has failed several times: its rest begins again here, so that nobody
    else tries beside us. None where it may not be asked.
    """
    statement = (
        select(WebhookEndpoint)
        .join(ApiKey, col(ApiKey.id) == WebhookEndpoint.api_key_id)
        .where(WebhookEndpoint.id == endpoint_id, *_may_be_asked(now))
        .with_for_update(of=WebhookEndpoint, key_share=True)
        .execution_options(populate_existing=True)
    )
    endpoint = session.exec(statement).first()
    if endpoint is None:
        return None, []
    if endpoint.failures >= MOST_FAILURES:
        limit, endpoint.resting_until = 1, now + rest_after(endpoint.failures)
        session.flush()
    return endpoint, _claim_rows(session, endpoint_id, now, limit)


def record(
    session: Session,
    endpoint_id: UUID,
    ended: Sequence[Ended],
    left: Sequence[WebhookDelivery] = (),
    *,
    now: datetime,
) -> None:
    """Write down how attempts ended, and what follows for the endpoint. Those `left` were claimed
    and not attempted, and wait as before."""
    statement = (
        select(WebhookEndpoint)
        .where(WebhookEndpoint.id == endpoint_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    endpoint = session.exec(statement).first()
    if endpoint is None:
        return  # deleted meanwhile, with its deliveries
    for each in ended:
        if each.reply.is_good:
            endpoint.failures, endpoint.failing_since, endpoint.resting_until = 0, None, None
        else:
            _note_failure(endpoint, each.reply, now)
        _move(session, each.delivery, **_after(each, now))
    for delivery in left:
        again = {"state": DeliveryState.QUEUED, "attempt": delivery.attempt - 1, "due_at": now}
        _move(session, delivery, **again)
    session.flush()
    if endpoint.disabled_at is not None:
        hold(session, endpoint_id)


def hold(session: Session, endpoint_id: UUID) -> None:
    """What waits for a disabled endpoint waits until it is enabled."""
    _move_all(session, endpoint_id, DeliveryState.QUEUED, DeliveryState.HELD)


def release(session: Session, endpoint_id: UUID) -> None:
    """What was held for an endpoint may go."""
    _move_all(session, endpoint_id, DeliveryState.HELD, DeliveryState.QUEUED)


def release_stale(session: Session, *, now: datetime) -> int:
    """Attempts whose worker died go again, under the same id; how many."""
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


def forget_old(session: Session, *, now: datetime, limit: int) -> int:
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
    event, data = WebhookEvent.TEST, webhook_payloads.TEST
    delivery_id = webhook_events.queue_one(session, endpoint.id, event, data, now=now)
    return get(session, endpoint, delivery_id)


def require_enabled(endpoint: WebhookEndpoint) -> None:
    """Conflict where nothing goes to an endpoint."""
    if endpoint.disabled_at is not None:
        raise Conflict("webhook_disabled", "This webhook is disabled: enable it first.")


def waiting(session: Session) -> dict[str, int]:
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


def wait_after(
    attempt: int, asked: float | None, *, chance: Callable[[], float] = random.random
) -> timedelta | None:
    """How long a delivery waits after an attempt that failed; None after the last one.

    Each wait up to a fifth longer by chance: what failed together does not come back together. What
    a receiver asks for (`asked`, in seconds) is obeyed, up to a day.
    """
    if attempt > len(WAITS):
        return None
    return max(WAITS[attempt - 1] * (1 + chance() / 5), _bounded(asked))


def rest_after(failures: int) -> timedelta:
    """From half a minute, doubled with each failed try, to ten minutes."""
    doublings: int = min(failures - MOST_FAILURES, 10)
    return min(FIRST_REST * (1 << doublings), LONGEST_REST)


def _bounded(seconds: float | None) -> timedelta:
    return min(timedelta(seconds=seconds or 0), LONGEST_WAIT)


def _may_be_asked(now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    """For statements that have endpoints and their keys."""
    resting_until = _endpoint.c.resting_until
    return (
        _endpoint.c.disabled_at.is_(None),
        sa.or_(resting_until.is_(None), resting_until <= now),
        key_is_good(now),
    )


def _claim_rows(
    session: Session, endpoint_id: UUID, now: datetime, limit: int
) -> list[WebhookDelivery]:
    is_due = (
        _delivery.c.state == DeliveryState.QUEUED,
        _delivery.c.endpoint_id == endpoint_id,
        _delivery.c.due_at <= now,
    )
    due = (
        sa.select(_delivery.c.id)
        .where(*is_due)
        .order_by(_delivery.c.due_at, _delivery.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = list(session.connection().execute(due).scalars())
    if not ids:
        return []
    taken = (
        sa.update(WebhookDelivery)
        .where(_delivery.c.id.in_(ids), _delivery.c.state == DeliveryState.QUEUED)
        .values(state=DeliveryState.CLAIMED, attempt=_delivery.c.attempt + 1, claimed_at=now)
        .returning(WebhookDelivery)
    )
    rows = session.scalars(taken, execution_options={"synchronize_session": False})
    return sorted(rows, key=lambda each: (each.due_at, each.id))


def _note_failure(endpoint: WebhookEndpoint, reply: Reply, now: datetime) -> None:
    endpoint.failures += 1
    endpoint.failing_since = endpoint.failing_since or now
    rest = _bounded(reply.retry_after)
    if endpoint.failures >= MOST_FAILURES:
        rest = max(rest, rest_after(endpoint.failures))
    if rest:
        endpoint.resting_until = now + rest
    if endpoint.disabled_at is not None:
        return
    if reply.is_gone:
        endpoint.disabled_at, endpoint.disabled_reason = now, DisabledReason.GONE
    elif now - endpoint.failing_since >= DISABLED_AFTER:
        endpoint.disabled_at, endpoint.disabled_reason = now, DisabledReason.FAILING


def _after(each: Ended, now: datetime) -> dict[str, Any]:
    """What an attempt leaves of its delivery."""
    reply = each.reply
    values: dict[str, Any] = {"response_status": reply.status, "error": reply.error}
    if reply.is_good:
        return values | {"state": DeliveryState.DELIVERED, "finished_at": now}
    if reply.is_gone:
        return values | {"state": DeliveryState.FAILED, "finished_at": now}
    wait = wait_after(each.delivery.attempt, reply.retry_after)
    if wait is None:
        return values | {"state": DeliveryState.FAILED, "finished_at": now}
    return values | {"state": DeliveryState.QUEUED, "due_at": now + wait}


def _move(session: Session, delivery: WebhookDelivery, **values: Any) -> None:
    """Compare and swap on the claim. A newer claim, or a resending, has the word otherwise."""
    session.connection().execute(
        sa.update(_delivery)
        .where(
            _delivery.c.id == delivery.id,
            _delivery.c.state == DeliveryState.CLAIMED,
            _delivery.c.attempt == delivery.attempt,
            _delivery.c.claimed_at == delivery.claimed_at,
        )
        .values(**values)
    )


def _move_all(
    session: Session, endpoint_id: UUID, held: DeliveryState, state: DeliveryState
) -> None:
    session.connection().execute(
        sa.update(_delivery)
        .where(_delivery.c.endpoint_id == endpoint_id, _delivery.c.state == held)
        .values(state=state)
    )
