"""Delivering webhooks: claim, commit, talk, record. No transaction is open while somebody answers.

A round takes every endpoint for which something is due, each in a thread and one delivery after
the other, so that none waits for another's receiver for longer than a round.
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
from services.webhooks.outcomes import Ended
from services.webhooks.sender import Reply

LANES = 8  # endpoints at once
MOST_ENDPOINTS = 100  # of a round
BATCH = 25  # deliveries to one endpoint, which share two transactions
LANE_SECONDS = 5.0  # after which an endpoint's turn ends, so that a round does too
FORGOTTEN_AT_ONCE, MOST_ROUNDS = 1000, 20
log = structlog.get_logger()


def deliver_webhooks(lobby: Lobby, stop: threading.Event) -> int:
    """Deliver some of what is due to every endpoint; how many deliveries were attempted."""
    with lobby.database.read() as session:
        due = claims.due_endpoints(session, now=lobby.clock(), limit=MOST_ENDPOINTS)
    if not due:
        return 0
    with ThreadPoolExecutor(min(LANES, len(due)), "webhooks") as pool:
        return sum(pool.map(lambda endpoint_id: _deliver_to(lobby, endpoint_id, stop), due))


def clean_up_webhooks(lobby: Lobby, stop: threading.Event) -> None:
    """Take up what dead workers left, disable endpoints without a key, tell of goals that were
    reached, and forget what is old, in small transactions."""
    now = lobby.clock()
    with lobby.database.write(is_public=False) as session:
        claims.release_stale(session, now=now)
        stops.disable_keyless(session, now=now)
        events.goals_reached(session, now=now)
    for _ in range(MOST_ROUNDS):
        with lobby.database.write(is_public=False) as session:
            found = deliveries.forget_old(session, now=now, limit=FORGOTTEN_AT_ONCE)
        if found < FORGOTTEN_AT_ONCE or stop.is_set():
            break


def _deliver_to(lobby: Lobby, endpoint_id: UUID, stop: threading.Event) -> int:
    """An endpoint's turn. Whatever goes wrong with it goes wrong with it alone: the end of a
    claim's lease settles what was not written down."""
    try:
        with lobby.database.write(is_public=False) as session:
            endpoint, claimed = claims.claim(session, endpoint_id, now=lobby.clock(), limit=BATCH)
        if endpoint is None or not claimed:
            return 0
        ended = _attempt_all(lobby, endpoint, claimed, stop)
        with lobby.database.write(is_public=False) as session:
            left = claimed[len(ended) :]
            outcomes.record(session, endpoint_id, ended, left, now=lobby.clock())
        return len(ended)
    except Exception as error:
        log.error("webhooks_failed", endpoint=str(endpoint_id), error=type(error).__name__)
        return 0


def _attempt_all(
    lobby: Lobby,
    endpoint: WebhookEndpoint,
    claimed: Sequence[WebhookDelivery],
    stop: threading.Event,
) -> list[Ended]:
    """One after the other, until one fails, the turn is over or we are told to stop."""
    ends_at = time.monotonic() + LANE_SECONDS
    contents = _contents(lobby, endpoint, claimed)
    ended: list[Ended] = []
    for delivery, content in zip(claimed, contents, strict=True):
        reply = _attempt(lobby, endpoint, delivery, content)
        ended.append(Ended(delivery, reply))
        log.info(
            "webhook",
            event_type=delivery.event,
            endpoint=str(endpoint.id),
            attempt=delivery.attempt,
            status=reply.status,
            error=reply.error,
        )
        if not reply.is_good or stop.is_set() or time.monotonic() >= ends_at:
            break
    return ended


def _attempt(
    lobby: Lobby, endpoint: WebhookEndpoint, delivery: WebhookDelivery, content: str
) -> Reply:
    headers = endpoints.signed_headers(endpoint, delivery.id, content, now=lobby.clock())
    return lobby.webhooks.post(endpoint.url.text, content.encode(), headers)


def _contents(
    lobby: Lobby, endpoint: WebhookEndpoint, claimed: Sequence[WebhookDelivery]
) -> list[str]:
    """What each says, with whose signature it is where the endpoint may know."""
    confirmed = WebhookEvent.SIGNATURE_CONFIRMED
    wanted = {
        each.subject_id
        for each in claimed
        if endpoint.is_personal and each.event is confirmed and each.subject_id
    }
    if not wanted:
        return [each.payload for each in claimed]
    with lobby.database.read() as session:
        people = payloads.people(session, wanted)
    return [
        payloads.with_person(each.payload, people.get(each.subject_id))
        if each.subject_id in wanted
        else each.payload
        for each in claimed
    ]
