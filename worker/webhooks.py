"""Delivers webhooks: claims deliveries and commits, calls the receiver, and records the outcome.

No transaction is open while a receiver answers. A round takes every endpoint with due deliveries,
several at once, and sends an endpoint's deliveries one after the other. So no endpoint waits for
another's receiver for longer than a round.
"""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import structlog

from models import WebhookDelivery, WebhookEndpoint, WebhookEvent
from services.assembly import Lobby
from services.webhooks import claims, deliveries, endpoints, events, outcomes, payloads, stops
from services.webhooks.outcomes import FinishedAttempt
from services.webhooks.sender import Reply

THREADS = 8  # endpoints at once
MOST_ENDPOINTS = 100  # of a round
BATCH = 25  # deliveries to one endpoint, which share two transactions
TURN_SECONDS = 5.0  # after which an endpoint's turn ends, so that a round does too
DELETED_AT_ONCE, MOST_ROUNDS = 1000, 20
log = structlog.get_logger()


def deliver_webhooks(lobby: Lobby, stop: threading.Event) -> int:
    """Delivers some of what is due to every endpoint; returns how many deliveries it attempted."""
    with lobby.database.read() as session:
        due = claims.due_endpoints(session, now=lobby.clock(), limit=MOST_ENDPOINTS)
    if not due:
        return 0
    with ThreadPoolExecutor(min(THREADS, len(due)), "webhooks") as pool:
        return sum(pool.map(lambda endpoint_id: _deliver_to(lobby, endpoint_id, stop), due))


def clean_up_webhooks(lobby: Lobby, stop: threading.Event) -> None:
    """Runs what is due from time to time, in small transactions.

    It queues again what dead workers had claimed, disables endpoints without a valid key, queues
    the events of goals that were reached, and deletes old deliveries.
    """
    now = lobby.clock()
    with lobby.database.write(is_public=False) as session:
        claims.release_stale(session, now=now)
        stops.disable_keyless(session, now=now)
        events.goals_reached(session, now=now)
    for _ in range(MOST_ROUNDS):
        with lobby.database.write(is_public=False) as session:
            deleted = deliveries.delete_old(session, now=now, limit=DELETED_AT_ONCE)
        if deleted < DELETED_AT_ONCE or stop.is_set():
            break


def _deliver_to(lobby: Lobby, endpoint_id: UUID, stop: threading.Event) -> int:
    """Gives an endpoint its turn; returns how many deliveries were attempted.

    An error does not affect other endpoints. What was not recorded is settled when the lease of the
    claim ends.
    """
    try:
        with lobby.database.write(is_public=False) as session:
            endpoint, claimed = claims.claim(session, endpoint_id, now=lobby.clock(), limit=BATCH)
        if endpoint is None or not claimed:
            return 0
        attempted = _attempt_all(lobby, endpoint, claimed, stop)
        with lobby.database.write(is_public=False) as session:
            left = claimed[len(attempted) :]
            outcomes.record(session, endpoint_id, attempted, left, now=lobby.clock())
        return len(attempted)
    except Exception as error:
        log.error("webhooks_failed", endpoint=str(endpoint_id), error=type(error).__name__)
        return 0


def _attempt_all(
    lobby: Lobby,
    endpoint: WebhookEndpoint,
    claimed: Sequence[WebhookDelivery],
    stop: threading.Event,
) -> list[FinishedAttempt]:
    """Sends one after the other, until one fails, the turn is over or `stop` is set."""
    ends_at = time.monotonic() + TURN_SECONDS
    contents = _contents(lobby, endpoint, claimed)
    attempted: list[FinishedAttempt] = []
    for delivery, content in zip(claimed, contents, strict=True):
        reply = _attempt(lobby, endpoint, delivery, content)
        attempted.append(FinishedAttempt(delivery, reply))
        log.info(
            "webhook",
            event_type=delivery.event,
            message=endpoints.message_id(delivery.id),
            endpoint=str(endpoint.id),
            attempt=delivery.attempt,
            status=reply.status,
            error=reply.error,
        )
        if not reply.is_good or stop.is_set() or time.monotonic() >= ends_at:
            break
    return attempted


def _attempt(
    lobby: Lobby, endpoint: WebhookEndpoint, delivery: WebhookDelivery, content: str
) -> Reply:
    headers = endpoints.signed_headers(endpoint, delivery.id, content, now=lobby.clock())
    return lobby.webhooks.post(endpoint.url.text, content.encode(), headers)


def _contents(
    lobby: Lobby, endpoint: WebhookEndpoint, claimed: Sequence[WebhookDelivery]
) -> list[str]:
    """Returns the payloads, with the supporter's details if the endpoint may receive them."""
    confirmed = WebhookEvent.SIGNATURE_CONFIRMED
    signature_ids = {
        delivery.subject_id
        for delivery in claimed
        if endpoint.is_personal and delivery.event is confirmed and delivery.subject_id
    }
    if not signature_ids:
        return [delivery.payload for delivery in claimed]
    with lobby.database.read() as session:
        people = payloads.people(session, signature_ids)
    return [
        payloads.with_person(delivery.payload, people.get(delivery.subject_id))
        if delivery.subject_id in signature_ids
        else delivery.payload
        for delivery in claimed
    ]
