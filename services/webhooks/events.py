"""What happened, for the endpoints that want to be told: written in the transaction that causes it.

Each of these takes one look (`listeners`), and nothing more where nobody listens; and a
fixed handful of statements for however many rows. What motions do is told by `motion_events`.

Deliveries of webhooks, put in the queue: a telling is one event for one endpoint.
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
from services.webhooks import listeners
from services.webhooks.payloads import Data, body

_petition, _tally = table_of(Petition), table_of(PetitionTally)
_delivery = table_of(WebhookDelivery)


class SignatureFact(NamedTuple):
    """A signature that began or ceased to count. `petition_id` as a row's id or its hex digits."""

    id: RowId
    petition_id: RowId
    constituency_code: str
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class LetterFact:
    """A letter of which something is told; never who wrote it."""

    id: UUID
    campaign_id: UUID
    motion_id: int
    member_id: int
    constituency_code: str


class QueuedEvent(NamedTuple):
    """`payload` is the thin body; `subject_id` the row that it is about, where there is one."""

    endpoint_id: UUID
    subject_id: RowId | None
    payload: str


def fact_of(letter: Letter) -> LetterFact:
    """Of a letter that is at hand."""
    code, member_id = letter.constituency_code, letter.member_id
    return LetterFact(letter.id, letter.campaign_id, letter.motion_id, member_id, code)


def signatures_confirmed(
    session: Session, counted: Iterable[SignatureFact], *, now: datetime
) -> None:
    """Signatures count from now on."""
    _tell_of_signatures(session, WebhookEvent.SIGNATURE_CONFIRMED, counted, "confirmed_at", now)


def signature_withdrawn(
    session: Session, fact: SignatureFact, *, is_disowned: bool, now: datetime
) -> None:
    """A signature counts no more: its signer took it back, or said that it is not theirs."""
    reason = "disowned" if is_disowned else "withdrawn"
    _tell_of_signatures(session, WebhookEvent.SIGNATURE_WITHDRAWN, [fact], "reason", now, reason)


def letters_sent(
    session: Session, sent: Sequence[tuple[LetterFact, datetime]], *, now: datetime
) -> None:
    """Letters were handed over, each at a time."""
    more = {fact.id: {"sent_at": at} for fact, at in sent}
    facts = [fact for fact, _ in sent]
    _tell_of_letters(session, WebhookEvent.LETTER_SENT, facts, more, now)


def letter_answered(
    session: Session,
    fact: LetterFact,
    *,
    outcome: LetterOutcome,
    said: ReplyKind | None,
    said_on: date | None,
    now: datetime,
) -> None:
    """The writer of a letter told what came back, or that nothing has; never in what words."""
    more = {fact.id: {"outcome": outcome, "said": said, "said_on": said_on}}
    _tell_of_letters(session, WebhookEvent.LETTER_ANSWERED, [fact], more, now)


def goals_reached(session: Session, *, now: datetime) -> int:
    """Note which petitions have reached their goals, each goal once, and tell of them; how many.

    Not where signatures are confirmed: of two transactions that reach it together, neither would
    see the other's.
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
        if _note_reached(session, petition_id, goal, now)
    ]
    event = WebhookEvent.PETITION_GOAL_REACHED
    wanting = listeners.to_petitions(session, event, [each for each, *_ in reached], now=now)
    tellings = []
    for petition_id, goal, count in reached:
        for row in wanting[petition_id]:
            told = _of(row) | {"goal": goal, "signature_count": count}
            payload = body(event, told, at=now)
            tellings.append(QueuedEvent(row.endpoint_id, petition_id, payload))
    queue(session, event, tellings, now=now)
    return len(reached)


def queue_one(
    session: Session, endpoint_id: UUID, event: WebhookEvent, data: Data, *, now: datetime
) -> UUID:
    """Tell one endpoint, whatever it wants otherwise; the delivery's id."""
    telling = QueuedEvent(endpoint_id, None, body(event, data, at=now))
    return queue(session, event, [telling], now=now)[0]


def _tell_of_signatures(
    session: Session,
    event: WebhookEvent,
    facts: Iterable[SignatureFact],
    name: str,
    now: datetime,
    value: object = None,
) -> None:
    facts = list(facts)
    petitions = {_uuid(fact.petition_id) for fact in facts}
    wanting = listeners.to_petitions(session, event, petitions, now=now)
    tellings = []
    for fact in facts if wanting else ():
        its = wanting[_uuid(fact.petition_id)]
        if its:
            told = {
                "signature_id": _uuid(fact.id),
                **_of(its[0]),
                "constituency": fact.constituency_code,
                "signed_at": fact.signed_at,
                name: value or now,
            }
            payload = body(event, told, at=now)
            tellings += [QueuedEvent(row.endpoint_id, fact.id, payload) for row in its]
    queue(session, event, tellings, now=now)


def _tell_of_letters(
    session: Session,
    event: WebhookEvent,
    facts: Sequence[LetterFact],
    more: dict[UUID, Data],
    now: datetime,
) -> None:
    campaigns = {fact.campaign_id for fact in facts}
    wanting = listeners.to_campaigns(session, event, campaigns, now=now)
    tellings = []
    for fact in facts:
        for row in wanting[fact.campaign_id]:
            told = {
                "letter_id": fact.id,
                "campaign": row.campaign,
                "motion_id": fact.motion_id,
                "member_id": fact.member_id,
                "constituency": fact.constituency_code,
                **more[fact.id],
            }
            tellings.append(QueuedEvent(row.endpoint_id, fact.id, body(event, told, at=now)))
    queue(session, event, tellings, now=now)


def _note_reached(session: Session, petition_id: UUID, goal: int, now: datetime) -> bool:
    """False where another worker was faster, or the goal has been changed."""
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


def _of(row: Any) -> Data:
    return {"petition": row.petition, "campaign": row.campaign}


def _uuid(row_id: RowId) -> UUID:
    return row_id if isinstance(row_id, UUID) else UUID(row_id)


def queue(
    session: Session, event: WebhookEvent, tellings: Sequence[QueuedEvent], *, now: datetime
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
    bulk.insert_columns(session, _delivery, varying, shared, skip_existing=False)
    return [UUID(each) for each in ids]
