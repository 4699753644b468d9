"""Queues webhook events in the transaction that causes them.

Each function looks up the subscribed endpoints once (`listeners`). If there are none it does
nothing more; otherwise it inserts one delivery per event and endpoint, in a fixed number of
statements. `motion_events` queues the events about motions.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import (
    DeliveryState,
    Letter,
    LetterOutcome,
    Petition,
    PetitionTally,
    ReplyKind,
    WebhookDelivery,
    WebhookEvent,
)
from models.base import RowId, new_ids, table_of
from services.database import bulk
from services.supporters import shown_consents
from services.supporters.shown_consents import NOTHING, ShownConsents
from services.webhooks import listeners
from services.webhooks.listeners import Found
from services.webhooks.payloads import Data, body

_petition, _tally = table_of(Petition), table_of(PetitionTally)
_delivery = table_of(WebhookDelivery)


class SignatureFact(NamedTuple):
    """A signature that starts or stops counting. Ids are UUIDs or their hex digits."""

    id: RowId
    petition_id: RowId
    constituency_code: str
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class LetterFact:
    """The data of a letter that events contain; never its writer."""

    id: UUID
    campaign_id: UUID
    motion_id: int | None
    member_id: int
    constituency_code: str


class ConsentChange(NamedTuple):
    """What a signature showed of its signer's answers, and what it shows now."""

    signature: SignatureFact
    before: ShownConsents
    after: ShownConsents

    @property
    def names(self) -> list[str]:
        """The names of the answers that differ."""
        pairs = zip(ShownConsents._fields, self.before, self.after, strict=True)
        return [name for name, before, after in pairs if before != after]


class NewDelivery(NamedTuple):
    """One event for one endpoint.

    `payload` is the body without personal data; `subject_id` is the signature, letter or petition
    that the event is about, if there is one.
    """

    endpoint_id: UUID
    subject_id: RowId | None
    payload: str


def letter_fact(letter: Letter) -> LetterFact:
    """Returns the data of a letter for its events."""
    code, member_id = letter.constituency_code, letter.member_id
    return LetterFact(letter.id, letter.campaign_id, letter.motion_id, member_id, code)


def signatures_confirmed(
    session: Session, counted: Iterable[SignatureFact], *, now: datetime
) -> None:
    """Queue events for signatures that count from now on, and for the answers that they show.

    The answers are saved already. They are read only if an endpoint wants the event.
    """
    facts = list(counted)
    found = _endpoints(session, facts, now)
    confirmed = ((fact, {"confirmed_at": now}) for fact in facts)
    _queue_signature_events(session, WebhookEvent.SIGNATURE_CONFIRMED, confirmed, found, now)
    event = WebhookEvent.SUPPORTER_PREFERENCES_CHANGED
    if listeners.subscribed(found, event):
        shown = shown_consents.of_signatures(session, [_uuid(fact.id) for fact in facts])
        changes = [ConsentChange(fact, NOTHING, shown[_uuid(fact.id)]) for fact in facts]
        _queue_consent_events(session, changes, found, now)


def preferences_changed(
    session: Session, changes: Sequence[ConsentChange], *, now: datetime
) -> None:
    """Queue events for signatures that show other answers from now on."""
    found = _endpoints(session, [change.signature for change in changes], now)
    _queue_consent_events(session, changes, found, now)


def signature_withdrawn(
    session: Session, fact: SignatureFact, *, is_disowned: bool, now: datetime
) -> None:
    """Queue the event for a signature that no longer counts.

    Its signer has withdrawn it or, with `is_disowned`, said that they did not sign.
    """
    event = WebhookEvent.SIGNATURE_WITHDRAWN
    told = [(fact, {"reason": "disowned" if is_disowned else "withdrawn"})]
    _queue_signature_events(session, event, told, _endpoints(session, [fact], now), now)


def letters_sent(
    session: Session, sent: Sequence[tuple[LetterFact, datetime]], *, now: datetime
) -> None:
    """Queue events for letters that were sent, each with the time when it was."""
    details: dict[UUID, Data] = {fact.id: {"sent_at": at} for fact, at in sent}
    facts = [fact for fact, _ in sent]
    _queue_letter_events(session, WebhookEvent.LETTER_SENT, facts, details, now)


def letter_answered(
    session: Session,
    fact: LetterFact,
    *,
    outcome: LetterOutcome,
    said: ReplyKind | None,
    said_on: date | None,
    now: datetime,
) -> None:
    """Queue the event for a writer's report of the reply to a letter; never the reply's text."""
    details: dict[UUID, Data] = {fact.id: {"outcome": outcome, "said": said, "said_on": said_on}}
    _queue_letter_events(session, WebhookEvent.LETTER_ANSWERED, [fact], details, now)


def goals_reached(session: Session, *, now: datetime) -> int:
    """Mark petitions that have reached their goals and queue the events; returns how many.

    This is a job of its own, not part of confirming signatures: of two transactions that reach a
    goal together, neither would see the other's signatures.
    """
    total = sa.func.sum(_tally.c.confirmed)
    statement = (
        sa.select(_petition.c.id, _petition.c.goal, total)
        .join(_tally, _tally.c.petition_id == _petition.c.id)
        .where(_petition.c.goal.is_not(None), _petition.c.goal_reached_at.is_(None))
        .group_by(_petition.c.id, _petition.c.goal)
        .having(total >= _petition.c.goal)
        .order_by(_petition.c.id)
    )
    reached = [
        (petition_id, goal, int(count))
        for petition_id, goal, count in session.connection().execute(statement)
        if _mark_reached(session, petition_id, goal, now)
    ]
    event = WebhookEvent.PETITION_GOAL_REACHED
    petition_ids = [petition_id for petition_id, *_ in reached]
    found = listeners.of_petitions(session, petition_ids, now=now)
    endpoints = listeners.subscribed(found, event)
    deliveries = []
    for petition_id, goal, count in reached:
        for row in endpoints[petition_id]:
            data = _petition_data(row) | {"goal": goal, "signature_count": count}
            payload = body(event, data, at=now)
            deliveries.append(NewDelivery(row.endpoint_id, petition_id, payload))
    queue(session, event, deliveries, now=now)
    return len(reached)


def queue_one(
    session: Session, endpoint_id: UUID, event: WebhookEvent, data: Data, *, now: datetime
) -> UUID:
    """Queue an event for one endpoint, even if it is not subscribed; returns the delivery's id."""
    delivery = NewDelivery(endpoint_id, None, body(event, data, at=now))
    return queue(session, event, [delivery], now=now)[0]


def queue(
    session: Session, event: WebhookEvent, deliveries: Sequence[NewDelivery], *, now: datetime
) -> list[UUID]:
    """Insert the deliveries of an event in one statement; returns their ids."""
    if not deliveries:
        return []
    ids = new_ids(len(deliveries))
    varying: dict[str, list[Any]] = {
        "id": ids,
        "endpoint_id": [delivery.endpoint_id for delivery in deliveries],
        "subject_id": [delivery.subject_id for delivery in deliveries],
        "payload": [delivery.payload for delivery in deliveries],
    }
    shared = {
        "event": event,
        "state": DeliveryState.QUEUED,
        "attempt": 0,
        "created_at": now,
        "due_at": now,
    }
    bulk.insert_columns(session, _delivery, varying, shared, skip_existing=False)
    return [UUID(row_id) for row_id in ids]


def _endpoints(session: Session, facts: Iterable[SignatureFact], now: datetime) -> Found:
    petition_ids = {_uuid(fact.petition_id) for fact in facts}
    return listeners.of_petitions(session, petition_ids, now=now)


def _queue_consent_events(
    session: Session, changes: Iterable[ConsentChange], found: Found, now: datetime
) -> None:
    event = WebhookEvent.SUPPORTER_PREFERENCES_CHANGED
    told = (
        (change.signature, {"changed": change.names, "consents": change.after._asdict()})
        for change in changes
        if change.names
    )
    _queue_signature_events(session, event, told, found, now)


def _queue_signature_events(
    session: Session,
    event: WebhookEvent,
    told: Iterable[tuple[SignatureFact, Data]],
    found: Found,
    now: datetime,
) -> None:
    """The data beside each signature are the fields that only this kind of event has."""
    endpoints = listeners.subscribed(found, event)
    deliveries = []
    for fact, details in told if endpoints else ():
        rows = endpoints[_uuid(fact.petition_id)]
        if rows:
            data = {
                "signature_id": _uuid(fact.id),
                **_petition_data(rows[0]),
                "constituency": fact.constituency_code,
                "signed_at": fact.signed_at,
                **details,
            }
            payload = body(event, data, at=now)
            deliveries += [NewDelivery(row.endpoint_id, fact.id, payload) for row in rows]
    queue(session, event, deliveries, now=now)


def _queue_letter_events(
    session: Session,
    event: WebhookEvent,
    facts: Sequence[LetterFact],
    details: dict[UUID, Data],
    now: datetime,
) -> None:
    """`details` are the fields that only this kind of event has, by the letters' ids."""
    campaign_ids = {fact.campaign_id for fact in facts}
    endpoints = listeners.to_campaigns(session, event, campaign_ids, now=now)
    deliveries = []
    for fact in facts:
        for row in endpoints[fact.campaign_id]:
            data = {
                "letter_id": fact.id,
                "campaign": row.campaign,
                "motion_id": fact.motion_id,
                "member_id": fact.member_id,
                "constituency": fact.constituency_code,
                **details[fact.id],
            }
            deliveries.append(NewDelivery(row.endpoint_id, fact.id, body(event, data, at=now)))
    queue(session, event, deliveries, now=now)


def _mark_reached(session: Session, petition_id: UUID, goal: int, now: datetime) -> bool:
    """Returns False if another worker was faster or the goal has been changed."""
    changed = session.connection().execute(
        sa.update(_petition)
        .where(
            _petition.c.id == petition_id,
            _petition.c.goal == goal,
            _petition.c.goal_reached_at.is_(None),
        )
        .values(goal_reached_at=now)
    )
    return changed.rowcount == 1


def _petition_data(row: Any) -> Data:
    return {"petition": row.petition, "campaign": row.campaign}


def _uuid(row_id: RowId) -> UUID:
    return row_id if isinstance(row_id, UUID) else UUID(row_id)
