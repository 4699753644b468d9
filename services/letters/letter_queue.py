"""The letter queue of a campaign: what waits and was sent, pausing it, and settling by hand."""

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
    """Counts of letters by state, and times of the queued ones.

    `deferred` counts the queued letters that a mail server deferred, `bounced` the rejected ones
    that it had accepted first. `next_at` and `last_at` are when the first and the last queued
    letter are due, None while the queue is paused; `waiting_since` is when the oldest was queued.
    """

    paused_at: datetime | None
    counts: dict[LetterState, int]
    deferred: int
    next_at: datetime | None
    last_at: datetime | None
    waiting_since: datetime | None
    bounced: int = 0


@dataclass(frozen=True, slots=True)
class QueuedLetter:
    """A letter as an organiser sees it: pages show neither its text nor its writer."""

    letter: Letter
    member: Member
    message: OutboxMessage | None


def goes_at(session: Session, letter_id: UUID) -> datetime | None:
    """Returns when a letter is due; None if it does not wait, or if its queue is paused."""
    statement = select(OutboxMessage.due_at).where(
        *_is_message_of(letter_id), col(OutboxMessage.state).in_(_WAITING)
    )
    due_at = session.exec(statement).first()
    return due_at if due_at != WHILE_PAUSED else None


def pause(session: Session, campaign: Campaign, *, now: datetime) -> None:
    """Pauses a campaign's letters. A letter that a worker has claimed is still sent."""
    if campaign.letters_paused_at is None:
        campaign.letters_paused_at = now
        session.flush()
        ids = [message_id for message_id, _ in _waiting(session, campaign.id)]
        _set_due(session, ids, [WHILE_PAUSED] * len(ids))


def resume(session: Session, campaign: Campaign, *, pace: Pace, now: datetime) -> None:
    """Resumes a campaign's letters: waiting ones get new times by the pace, in the same order."""
    if campaign.letters_paused_at is not None:
        campaign.letters_paused_at = None
        session.flush()
        _reschedule(session, campaign, _WAITING, pace=pace, now=now)


def replan(session: Session, campaign: Campaign, *, pace: Pace, now: datetime) -> None:
    """Gives queued letters new times in the same order, after the campaign's limits changed.

    Letters that a mail server deferred keep their times: the server decides how long they wait.
    """
    if campaign.letters_paused_at is None:
        _reschedule(session, campaign, (MessageState.QUEUED,), pace=pace, now=now)


def view(session: Session, campaign: Campaign) -> QueueView:
    """Summarises a campaign's queue in two statements."""
    states = (
        select(Letter.state, func.count())
        .where(Letter.campaign_id == campaign.id)
        .group_by(col(Letter.state))
    )
    totals = dict(session.exec(states).all())
    # Apart, so that the states of all letters are counted from their index alone.
    has_bounced = (
        sa.select(func.count())
        .where(
            col(Letter.campaign_id) == campaign.id,
            col(Letter.state) == LetterState.REJECTED,
            col(Letter.bounced_at).is_not(None),
        )
        .correlate(None)
        .scalar_subquery()
    )
    due = col(OutboxMessage.due_at)
    is_deferred = col(OutboxMessage.state) == MessageState.DEFERRED
    waits = (
        sa.select(
            func.min(due),
            func.max(due),
            func.min(OutboxMessage.created_at),
            func.count(sa.case((is_deferred, 1))),
            has_bounced,
        )
        .join(Letter, col(Letter.id) == OutboxMessage.subject_id)
        .where(col(Letter.campaign_id) == campaign.id, *_is_waiting())
    )
    next_at, last_at, since, deferred, bounced = session.execute(waits).one()
    is_paused = campaign.letters_paused_at is not None
    return QueueView(
        paused_at=campaign.letters_paused_at,
        counts={state: totals.get(state, 0) for state in LetterState},
        deferred=deferred,
        next_at=None if is_paused else next_at,
        last_at=None if is_paused else last_at,
        waiting_since=since,
        bounced=bounced,
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
    """Lists a campaign's letters, the newest first. `after` is the last id already shown.

    `only` has further conditions.
    """
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
    rows = session.exec(statement.order_by(col(Letter.id).desc()).limit(limit))
    return [QueuedLetter(*row) for row in rows]


def retry(
    session: Session, letter_id: UUID, *, organisation_id: UUID, keyring: Keyring, now: datetime
) -> Letter:
    """Sends a rejected letter again, or a deferred letter now.

    NotFound if it belongs to another organisation. Conflict in any other state: a letter that was
    or may have been sent is not sent again.
    """
    letter = _locked_letter(session, letter_id, organisation_id)
    message_state = _RETRIED.get(letter.state)
    if message_state is None or not _requeue(session, letter_id, message_state, now):
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
    """Settles an uncertain letter by an organiser's word: it was sent, or it is sent again.

    NotFound if it belongs to another organisation. Conflict if it is not uncertain.
    """
    letter = _locked_letter(session, letter_id, organisation_id)
    if letter.state is not LetterState.UNCERTAIN:
        raise Conflict("letter_not_uncertain", "It is known what became of this letter.")
    if was_sent:
        _mark_message_sent(session, letter, now)
        letter_states.mark_sent(session, letter, keyring=keyring, now=now)
    else:
        _requeue(session, letter_id, MessageState.UNCERTAIN, now)
        letter_states.requeue(session, letter, keyring=keyring, now=now)
    return letter


def _reschedule(
    session: Session,
    campaign: Campaign,
    states: tuple[MessageState, ...],
    *,
    pace: Pace,
    now: datetime,
) -> None:
    """Plans the waiting letters again. Those sent in this hour and on this day keep their slots."""
    pacing.lock(session, campaign)
    waiting = _waiting(session, campaign.id, states)
    since = pacing.first_counted(now)
    pacing.keep_only(session, campaign, _attempted(session, campaign.id, since), now=now)
    members = [member_id for _, member_id in waiting]
    due = send_times.reserve(session, campaign.id, members, pace=pace, now=now)
    _set_due(session, [message_id for message_id, _ in waiting], due)


def _attempted(session: Session, campaign_id: UUID, since: datetime) -> list[tuple[int, datetime]]:
    """Returns the member and the time of recent attempts that are not to be repeated."""
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
    rows = session.exec(statement)
    return [(member_id, claimed_at) for member_id, claimed_at in rows if claimed_at]


def _is_message_of(letter_id: UUID) -> tuple[Any, ...]:
    return (OutboxMessage.subject_id == letter_id, OutboxMessage.kind == MessageKind.LETTER)


def _is_waiting() -> tuple[Any, ...]:
    return (
        OutboxMessage.kind == MessageKind.LETTER,
        col(OutboxMessage.state).in_(_WAITING),
        Letter.state == LetterState.QUEUED,
    )


def _waiting(
    session: Session, campaign_id: UUID, states: tuple[MessageState, ...] = _WAITING
) -> list[tuple[UUID, int]]:
    """Returns the ids of a campaign's waiting messages and their members, the oldest first."""
    statement = (
        select(OutboxMessage.id, Letter.member_id)
        .join(Letter, col(Letter.id) == OutboxMessage.subject_id)
        .where(
            Letter.campaign_id == campaign_id, *_is_waiting(), col(OutboxMessage.state).in_(states)
        )
        .order_by(col(OutboxMessage.id))
    )
    return [(message_id, member_id) for message_id, member_id in session.exec(statement)]


def _set_due(session: Session, message_ids: list[UUID], due: list[datetime]) -> None:
    """Skips a message that a worker claimed in the meantime: it is sent now."""
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


def _requeue(session: Session, letter_id: UUID, state: MessageState, now: datetime) -> bool:
    """Requeues a letter's message for now; False if the message is not in this state."""
    changed = session.connection().execute(
        sa.update(_outbox)
        .where(
            _outbox.c.subject_id == letter_id,
            _outbox.c.kind == MessageKind.LETTER,
            _outbox.c.state == state,
        )
        .values(_requeued_values(now) | {"due_at": now})
    )
    return changed.rowcount == 1


def _requeued_values(now: datetime) -> dict[str, Any]:
    """The new `created_at` gives the message four days again (`outbox.GIVE_UP_AFTER`)."""
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
    """Requeues messages for these times. The caller has locked their letters."""
    rows = [
        {"message": message_id, "at": moment}
        for message_id, moment in zip(message_ids, due, strict=True)
    ]
    session.connection().execute(
        sa.update(_outbox)
        .where(_outbox.c.id == sa.bindparam("message"))
        .values(_requeued_values(now)),
        rows,
    )


def is_message_of_letter() -> sa.ColumnElement[bool]:
    """Returns the condition that joins a letter with its outbox message."""
    return sa.and_(_outbox.c.subject_id == _letter.c.id, _outbox.c.kind == MessageKind.LETTER)


def _locked_letter(session: Session, letter_id: UUID, organisation_id: UUID) -> Letter:
    """The lock lets the second of two concurrent calls see what the first did."""
    statement = (
        select(Letter)
        .join(Campaign, col(Campaign.id) == Letter.campaign_id)
        .where(Letter.id == letter_id, Campaign.organisation_id == organisation_id)
        .with_for_update(of=Letter)
        .execution_options(populate_existing=True)
    )
    letter = session.exec(statement).first()
    if letter is None:
        raise NotFound("letter_unknown", "There is no such letter.")
    return letter


def _mark_message_sent(session: Session, letter: Letter, now: datetime) -> None:
    session.connection().execute(
        sa.update(_outbox)
        .where(_outbox.c.subject_id == letter.id, _outbox.c.kind == MessageKind.LETTER)
        # The mail server never said that it accepted the letter.
        .values(state=MessageState.ACCEPTED, finished_at=now, detail=outbox.BY_HAND)
    )
