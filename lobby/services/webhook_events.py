"""What happened, for the endpoints that want to be told: written in the transaction that causes it.

Each of these takes one look, and nothing more where nobody listens; and a fixed handful of
statements for however many rows. The look holds the endpoints it finds until the transaction ends,
so that none is deleted between the look and the writing.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from lobby.models import (
    ApiKey,
    Campaign,
    CampaignMotion,
    CampaignStatus,
    DeliveryState,
    Letter,
    LetterOutcome,
    Member,
    Membership,
    Motion,
    MotionEventKind,
    MotionSignatory,
    Petition,
    PetitionTally,
    ReplyKind,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
)
from lobby.models.base import RowId, new_ids, table_of
from lobby.services import bulk_inserts
from lobby.services.api_keys import key_is_good
from lobby.services.motion_events import Change
from lobby.services.webhook_payloads import Data, body

_endpoint, _delivery = table_of(WebhookEndpoint), table_of(WebhookDelivery)
_key, _petition, _campaign = table_of(ApiKey), table_of(Petition), table_of(Campaign)
_tally, _link = table_of(PetitionTally), table_of(CampaignMotion)
_member, _membership = table_of(Member), table_of(Membership)
_signatory = table_of(MotionSignatory)
_KINDS = {
    MotionEventKind.SIGNED: WebhookEvent.MOTION_SIGNED,
    MotionEventKind.RESTORED: WebhookEvent.MOTION_SIGNED,
    MotionEventKind.WITHDRAWN: WebhookEvent.MOTION_WITHDRAWN,
    MotionEventKind.MOTION_WITHDRAWN: WebhookEvent.MOTION_WITHDRAWN,
    MotionEventKind.LAPSED: WebhookEvent.MOTION_LAPSED,
}


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


def fact_of(letter: Letter) -> LetterFact:
    """Of a letter that is at hand."""
    code, member_id = letter.constituency_code, letter.member_id
    return LetterFact(letter.id, letter.campaign_id, letter.motion_id, member_id, code)


class _Telling(NamedTuple):
    endpoint_id: UUID
    subject_id: RowId | None
    payload: str


_LISTENS = sa.and_(_endpoint.c.disabled_at.is_(None), key_is_good(sa.bindparam("now")))
_WHICH = (_endpoint.c.id.label("endpoint_id"), _endpoint.c.events)


def _held(statement: sa.Select[Any]) -> sa.Select[Any]:
    return statement.with_for_update(read=True, key_share=True, of=_endpoint)


# Put together once, as `services.signatures` does.
_OF_PETITIONS = _held(
    sa.select(
        *_WHICH,
        _petition.c.id.label("about"),
        _petition.c.slug.label("petition"),
        _campaign.c.slug.label("campaign"),
    )
    .select_from(_petition)
    .join(_campaign, _campaign.c.id == _petition.c.campaign_id)
    .join(_endpoint, _endpoint.c.organisation_id == _petition.c.organisation_id)
    .join(_key, _key.c.id == _endpoint.c.api_key_id)
    .where(
        _petition.c.id.in_(sa.bindparam("ids", expanding=True)),
        sa.or_(_endpoint.c.petition_id.is_(None), _endpoint.c.petition_id == _petition.c.id),
        sa.or_(_endpoint.c.campaign_id.is_(None), _endpoint.c.campaign_id == _campaign.c.id),
        _LISTENS,
    )
    .order_by(_endpoint.c.id)
)
_OF_CAMPAIGNS = _held(
    sa.select(*_WHICH, _campaign.c.id.label("about"), _campaign.c.slug.label("campaign"))
    .select_from(_campaign)
    .join(_endpoint, _endpoint.c.organisation_id == _campaign.c.organisation_id)
    .join(_key, _key.c.id == _endpoint.c.api_key_id)
    .where(
        _campaign.c.id.in_(sa.bindparam("ids", expanding=True)),
        _endpoint.c.petition_id.is_(None),
        sa.or_(_endpoint.c.campaign_id.is_(None), _endpoint.c.campaign_id == _campaign.c.id),
        _LISTENS,
    )
    .order_by(_endpoint.c.id)
)
_OF_MOTION = _held(
    sa.select(*_WHICH, _campaign.c.slug.label("campaign"))
    .select_from(_link)
    .join(_campaign, _campaign.c.id == _link.c.campaign_id)
    .join(_endpoint, _endpoint.c.organisation_id == _campaign.c.organisation_id)
    .join(_key, _key.c.id == _endpoint.c.api_key_id)
    .where(
        _link.c.motion_id == sa.bindparam("motion"),
        sa.or_(_link.c.is_current, _link.c.is_amendment),
        _campaign.c.status == CampaignStatus.OPEN,
        _endpoint.c.petition_id.is_(None),
        sa.or_(_endpoint.c.campaign_id.is_(None), _endpoint.c.campaign_id == _campaign.c.id),
        _LISTENS,
    )
    .order_by(_endpoint.c.id, _campaign.c.slug)
)


# Distinct members: one can stand there twice.
_SIGNED = sa.select(sa.func.count(_signatory.c.member_id.distinct())).where(
    _signatory.c.motion_id == sa.bindparam("motion"), ~_signatory.c.is_withdrawn
)


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


def motion_changed(
    session: Session, motion: Motion, changes: Sequence[Change], *, now: datetime
) -> None:
    """Names came and went, or the motion itself did; all of that is written down already."""
    known = [(_KINDS[change.kind], change) for change in changes if change.kind in _KINDS]
    if not known:
        return
    endpoints, campaigns = _listening_to(session, motion.id, now)
    if not endpoints:
        return
    members = _members(session, {change.member_id for _, change in known if change.member_id}, now)
    about = {"id": motion.id, "number": motion.number, "title": motion.title}
    signed = session.connection().execute(_SIGNED, {"motion": motion.id}).scalar_one()
    tellings: dict[WebhookEvent, list[_Telling]] = defaultdict(list)
    for event, change in known:
        told = {
            "motion": about,
            "signed": signed,
            "member": members.get(change.member_id or 0),
            "happened_on": change.happened_on,
        }
        for endpoint_id, wanted in endpoints.items():
            if event in wanted:
                payload = body(event, told | {"campaigns": campaigns[endpoint_id]}, at=now)
                tellings[event].append(_Telling(endpoint_id, None, payload))
    for event, its_tellings in tellings.items():
        _queue(session, event, its_tellings, now)


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
    wanting = _wanting(session, _OF_PETITIONS, event, [each for each, *_ in reached], now)
    tellings = []
    for petition_id, goal, count in reached:
        for row in wanting[petition_id]:
            told = _of(row) | {"goal": goal, "signature_count": count}
            payload = body(event, told, at=now)
            tellings.append(_Telling(row.endpoint_id, petition_id, payload))
    _queue(session, event, tellings, now)
    return len(reached)


def queue_one(
    session: Session, endpoint_id: UUID, event: WebhookEvent, data: Data, *, now: datetime
) -> UUID:
    """Tell one endpoint, whatever it wants otherwise; the delivery's id."""
    return _queue(session, event, [_Telling(endpoint_id, None, body(event, data, at=now))], now)[0]


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
    wanting = _wanting(session, _OF_PETITIONS, event, petitions, now)
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
            tellings += [_Telling(row.endpoint_id, fact.id, payload) for row in its]
    _queue(session, event, tellings, now)


def _tell_of_letters(
    session: Session,
    event: WebhookEvent,
    facts: Sequence[LetterFact],
    more: dict[UUID, Data],
    now: datetime,
) -> None:
    campaigns = {fact.campaign_id for fact in facts}
    wanting = _wanting(session, _OF_CAMPAIGNS, event, campaigns, now)
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
            tellings.append(_Telling(row.endpoint_id, fact.id, body(event, told, at=now)))
    _queue(session, event, tellings, now)


def _wanting(
    session: Session,
    look: sa.Select[Any],
    event: WebhookEvent,
    ids: Collection[UUID],
    now: datetime,
) -> dict[UUID, list[Any]]:
    """The endpoints that want an event, by the id of what it is about."""
    found: dict[UUID, list[Any]] = defaultdict(list)
    if ids:
        for row in session.connection().execute(look, {"ids": list(ids), "now": now}):
            if event in row.events:
                found[row.about].append(row)
    return found


def _listening_to(
    session: Session, motion_id: int, now: datetime
) -> tuple[dict[UUID, list[str]], dict[UUID, list[str]]]:
    """By endpoint: the events that it wants, and its campaigns that are about a motion."""
    events: dict[UUID, list[str]] = {}
    campaigns: dict[UUID, list[str]] = defaultdict(list)
    for row in session.connection().execute(_OF_MOTION, {"motion": motion_id, "now": now}):
        events[row.endpoint_id] = row.events
        campaigns[row.endpoint_id].append(row.campaign)
    return events, campaigns


def _members(session: Session, ids: Collection[int], now: datetime) -> dict[int, Data]:
    """Members with today's seat; None for one who holds none."""
    today = now.date()
    holds = sa.and_(
        _membership.c.member_id == _member.c.id,
        _membership.c.starts_on <= today,
        sa.or_(_membership.c.ends_on.is_(None), _membership.c.ends_on > today),
    )
    statement = (
        sa.select(
            _member.c.id,
            _member.c.name,
            _member.c.party,
            _membership.c.constituency_code.label("constituency"),
        )
        .outerjoin(_membership, holds)
        .where(_member.c.id.in_(ids))
    )
    rows = session.connection().execute(statement).mappings() if ids else ()
    return {row["id"]: dict(row) for row in rows}


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


def _queue(
    session: Session, event: WebhookEvent, tellings: Sequence[_Telling], now: datetime
) -> list[UUID]:
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


def _of(row: Any) -> Data:
    return {"petition": row.petition, "campaign": row.campaign}


def _uuid(row_id: RowId) -> UUID:
    return row_id if isinstance(row_id, UUID) else UUID(row_id)
