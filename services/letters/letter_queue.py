"""The post of a campaign: what waits and went, pausing it, and what is settled by hand."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from models import (
    Campaign,
    Keyring,
    Letter,
    LetterState,
    Member,
    MessageKind,
    MessageState,
    OutboxMessage,
)
from models.base import table_of
from services.errors import Conflict, NotFound
from services.letters import letter_states, send_times
from services.mail import outbox, pacing
from services.mail.pacing import WHILE_PAUSED, Pace

_letter = table_of(Letter)
_outbox = table_of(OutboxMessage)
_WAITING = (MessageState.QUEUED, MessageState.DEFERRED)
_RETRIED = {
    LetterState.REJECTED: MessageState.REJECTED,
    LetterState.QUEUED: MessageState.DEFERRED,
}


@dataclass(frozen=True, slots=True)
class QueueView:
    """Letters by state; of those that wait, when the next and the last are to go, and since when
    the oldest has waited. `bounced` are those of the refused ones that a relay had taken first."""

    paused_at: datetime | None
    counts: dict[LetterState, int]
    deferred: int
    next_at: datetime | None
    last_at: datetime | None
    waiting_since: datetime | None
    bounced: int = 0


@dataclass(frozen=True, slots=True)
class QueuedLetter:
    """A letter as an organiser sees it: never its words, nor who wrote it."""

    letter: Letter
    member: Member
    message: OutboxMessage | None


def goes_at(session: Session, letter_id: UUID) -> datetime | None:
    """When a letter is to go; None where it does not wait, or waits for a paused post."""
    statement = select(OutboxMessage.due_at).where(
        *_is_message_of(letter_id), col(OutboxMessage.state).in_(_WAITING)
    )
    due_at = session.exec(statement).first()
    return due_at if due_at != WHILE_PAUSED else None


def pause(session: Session, campaign: Campaign, *, now: datetime) -> None:
    """Let nothing of a campaign go until it is resumed; what is on its way right now still goes."""
    if campaign.letters_paused_at is None:
        campaign.letters_paused_at = now
        session.flush()
        ids = [message_id for message_id, _ in _waiting(session, campaign.id)]
        _set_due(session, ids, [WHILE_PAUSED] * len(ids))


def resume(session: Session, campaign: Campaign, *, pace: Pace, now: datetime) -> None:
    """Let the post go on: what has waited gets new places, in its old order, not all at once."""
    if campaign.letters_paused_at is not None:
        campaign.letters_paused_at = None
        session.flush()
        _plan_anew(session, campaign, _WAITING, pace=pace, now=now)


def replan(session: Session, campaign: Campaign, *, pace: Pace, now: datetime) -> None:
    """The campaign's limits have changed: letters that wait get new places, in their old order.

    Those that a mail server put off keep their waits, which are not ours to shorten.
    """
    if campaign.letters_paused_at is None:
        _plan_anew(session, campaign, (MessageState.QUEUED,), pace=pace, now=now)


def view(session: Session, campaign: Campaign) -> QueueView:
    """How a campaign's post stands, in two statements."""
    has_bounced = sa.case((col(Letter.bounced_at).is_not(None), 1))
    states = (
        select(Letter.state, func.count(), func.count(has_bounced))
        .where(Letter.campaign_id == campaign.id)
        .group_by(col(Letter.state))
    )
    rows = session.exec(states).all()
    found = {state: count for state, count, _ in rows}
    bounced = {state: count for state, _, count in rows}
    due = col(OutboxMessage.due_at)
    is_deferred = col(OutboxMessage.state) == MessageState.DEFERRED
    waits = (
        select(
            func.min(due),
            func.max(due),
            func.min(OutboxMessage.created_at),
            func.count(sa.case((is_deferred, 1))),
        )
        .join(Letter, col(Letter.id) == OutboxMessage.subject_id)
        .where(Letter.campaign_id == campaign.id, *_waits())
    )
    next_at, last_at, since, deferred = session.exec(waits).one()
    is_paused = campaign.letters_paused_at is not None
    return QueueView(
        paused_at=campaign.letters_paused_at,
        counts={state: found.get(state, 0) for state in LetterState},
        deferred=deferred,
        next_at=None if is_paused else next_at,
        last_at=None if is_paused else last_at,
        waiting_since=since,
        bounced=bounced.get(LetterState.REJECTED, 0),
    )


def page(
    session: Session,
    campaign: Campaign,
    *,
    state: LetterState | None,
    after: UUID | None,
    limit: int,
    only: tuple[Any, ...] = (),
) -> list[QueuedLetter]:
    """A campaign's letters, the newest first, behind the id `after`; `only` has more conditions."""
    statement = (
        select(Letter, Member, OutboxMessage)
        .join(Member, col(Member.id) == Letter.member_id)
        .outerjoin(OutboxMessage, is_message_of_letter())
        .where(Letter.campaign_id == campaign.id, *only)
    )
    if state is not None:
        statement = statement.where(Letter.state == state)
    if after is not None:
        statement = statement.where(Letter.id < after)
    found = session.exec(statement.order_by(col(Letter.id).desc()).limit(limit))
    return [QueuedLetter(*row) for row in found]


def retry(
    session: Session, letter_id: UUID, *, organisation_id: UUID, keyring: Keyring, now: datetime
) -> Letter:
    """Send a letter again that was refused, or one that waits for another attempt right now.

    NotFound for another organisation's; Conflict for every other state: what went, or may have
    gone, is never sent again.
    """
    letter = _own(session, letter_id, organisation_id)
    held = _RETRIED.get(letter.state)
    if held is None or not _requeue(session, letter_id, held, now):
        raise Conflict("letter_not_refused", "Only a letter that was refused can be sent again.")
    letter_states.requeue(session, letter, keyring=keyring, now=now)
    return letter


def settle(
    session: Session,
    letter_id: UUID,
    *,
    organisation_id: UUID,
    was_sent: bool,
    keyring: Keyring,
    now: datetime,
) -> Letter:
    """Say what became of an uncertain letter: it went, and is counted; or it did not, and goes
    again. NotFound for another organisation's, Conflict where it is not uncertain."""
    letter = _own(session, letter_id, organisation_id)
    if letter.state is not LetterState.UNCERTAIN:
        raise Conflict("letter_not_uncertain", "It is known what became of this letter.")
    if was_sent:
        _mark_message_sent(session, letter, now)
        letter_states.mark_sent(session, letter, keyring=keyring, now=now)
    else:
        _requeue(session, letter_id, MessageState.UNCERTAIN, now)
        letter_states.requeue(session, letter, keyring=keyring, now=now)
    return letter


def _plan_anew(
    session: Session,
    campaign: Campaign,
    states: tuple[MessageState, ...],
    *,
    pace: Pace,
    now: datetime,
) -> None:
    """What went in this hour and on this day keeps its places; every other one is free again."""
    pacing.lock(session, campaign)
    waiting = _waiting(session, campaign.id, states)
    since = pacing.first_counted(now)
    pacing.keep_only(session, campaign, _attempted(session, campaign.id, since), now=now)
    members = [member_id for _, member_id in waiting]
    due = send_times.reserve(session, campaign.id, members, pace=pace, now=now)
    _set_due(session, [message_id for message_id, _ in waiting], due)


def _attempted(session: Session, campaign_id: UUID, since: datetime) -> list[tuple[int, datetime]]:
    """Letters whose last attempt began lately and that wait for no other: members, and when."""
    statement = (
        select(Letter.member_id, OutboxMessage.claimed_at)
        .join(Letter, col(Letter.id) == OutboxMessage.subject_id)
        .where(
            Letter.campaign_id == campaign_id,
            OutboxMessage.kind == MessageKind.LETTER,
            col(OutboxMessage.claimed_at) >= since,
            col(OutboxMessage.state).not_in((*_WAITING, MessageState.DROPPED)),
        )
    )
    found = session.exec(statement)
    return [(member_id, claimed_at) for member_id, claimed_at in found if claimed_at]


def _is_message_of(letter_id: UUID) -> tuple[Any, ...]:
    return (OutboxMessage.subject_id == letter_id, OutboxMessage.kind == MessageKind.LETTER)


def _waits() -> tuple[Any, ...]:
    return (
        OutboxMessage.kind == MessageKind.LETTER,
        col(OutboxMessage.state).in_(_WAITING),
        Letter.state == LetterState.QUEUED,
    )


def _waiting(
    session: Session, campaign_id: UUID, states: tuple[MessageState, ...] = _WAITING
) -> list[tuple[UUID, int]]:
    """Messages of a campaign's letters that wait, oldest first, with their members' ids."""
    statement = (
        select(OutboxMessage.id, Letter.member_id)
        .join(Letter, col(Letter.id) == OutboxMessage.subject_id)
        .where(Letter.campaign_id == campaign_id, *_waits(), col(OutboxMessage.state).in_(states))
        .order_by(col(OutboxMessage.id))
    )
    return [(message_id, member_id) for message_id, member_id in session.exec(statement)]


def _set_due(session: Session, message_ids: list[UUID], due: list[datetime]) -> None:
    """Only where they still wait: one that was claimed meanwhile goes as it is."""
    rows = [
        {"message": message_id, "at": moment}
        for message_id, moment in zip(message_ids, due, strict=True)
    ]
    if rows:
        session.connection().execute(
            sa.update(_outbox)
            .where(
                _outbox.c.id == sa.bindparam("message"),
                sa.or_(*(_outbox.c.state == state for state in _WAITING)),
            )
            .values(due_at=sa.bindparam("at")),
            rows,
        )


def _requeue(session: Session, letter_id: UUID, held: MessageState, now: datetime) -> bool:
    """A fresh start with a new attempt number; False where the message is in another state."""
    changed = session.connection().execute(
        sa.update(_outbox)
        .where(
            _outbox.c.subject_id == letter_id,
            _outbox.c.kind == MessageKind.LETTER,
            _outbox.c.state == held,
        )
        .values(_fresh(now) | {"due_at": now})
    )
    return changed.rowcount == 1


def _fresh(now: datetime) -> dict[str, Any]:
    """As though it had just been queued, so that it has four days again."""
    return {
        "state": MessageState.QUEUED,
        "due_at": sa.bindparam("at"),
        "created_at": now,
        "finished_at": None,
        "detail": None,
    }


def requeue(
    session: Session, message_ids: list[UUID], due: list[datetime], *, now: datetime
) -> None:
    """A fresh start at these moments, for messages that the caller has locked."""
    rows = [
        {"message": message_id, "at": moment}
        for message_id, moment in zip(message_ids, due, strict=True)
    ]
    session.connection().execute(
        sa.update(_outbox).where(_outbox.c.id == sa.bindparam("message")).values(_fresh(now)),
        rows,
    )


def is_message_of_letter() -> sa.ColumnElement[bool]:
    """Joins a letter with its message."""
    return sa.and_(_outbox.c.subject_id == _letter.c.id, _outbox.c.kind == MessageKind.LETTER)


def _own(session: Session, letter_id: UUID, organisation_id: UUID) -> Letter:
    """Locked, so that of two who settle at once the second sees what the first did."""
    statement = (
        select(Letter)
        .join(Campaign, col(Campaign.id) == Letter.campaign_id)
        .where(Letter.id == letter_id, Campaign.organisation_id == organisation_id)
        .with_for_update(of=Letter)
        .execution_options(populate_existing=True)
    )
    found = session.exec(statement).first()
    if found is None:
        raise NotFound("letter_unknown", "There is no such letter.")
    return found


def _mark_message_sent(session: Session, letter: Letter, now: datetime) -> None:
    session.connection().execute(
        sa.update(_outbox)
        .where(_outbox.c.subject_id == letter.id, _outbox.c.kind == MessageKind.LETTER)
        # The mail server never said that it accepted the letter.
        .values(state=MessageState.ACCEPTED, finished_at=now, detail=outbox.BY_HAND)
    )
