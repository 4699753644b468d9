"""The post of a campaign: what waits and went, pausing it, and what is settled by hand."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from lobby.models import (
    Campaign,
    Keyring,
    Letter,
    LetterState,
    Member,
    MessageKind,
    MessageState,
    Organisation,
    OutboxMessage,
)
from lobby.models.base import table_of
from lobby.services import letter_receipts, letter_sketches, pacing, tallies
from lobby.services.errors import Conflict, NotFound
from lobby.services.pacing import AT_ONCE, WHILE_PAUSED, Pace

_letter = table_of(Letter)
_outbox = table_of(OutboxMessage)
_WAITING = (MessageState.QUEUED, MessageState.DEFERRED)
_RETRIED = {
    LetterState.REJECTED: MessageState.REJECTED,
    LetterState.QUEUED: MessageState.DEFERRED,
}


@dataclass(frozen=True, slots=True)
class PostView:
    """Letters by state; of those that wait, when the next and the last are to go, and since when
    the oldest has waited."""

    paused_at: datetime | None
    counts: dict[LetterState, int]
    deferred: int
    next_at: datetime | None
    last_at: datetime | None
    waiting_since: datetime | None


@dataclass(frozen=True, slots=True)
class PostedLetter:
    """A letter as an organiser sees it: never its words, nor who wrote it."""

    letter: Letter
    member: Member
    message: OutboxMessage | None


def place_for(session: Session, letter: Letter, *, pace: Pace, now: datetime) -> datetime:
    """When a letter that was just confirmed goes."""
    campaign = session.get_one(Campaign, letter.campaign_id, populate_existing=True)
    kept = _pace_of(session, campaign, pace)
    return pacing.reserve(session, campaign, [letter.member_id], pace=kept, now=now)[0]


def goes_at(session: Session, letter_id: UUID) -> datetime | None:
    """When a letter is to go; None where it does not wait, or waits for a paused post."""
    statement = select(OutboxMessage.due_at).where(
        *_is_message_of(letter_id), col(OutboxMessage.state).in_(_WAITING)
    )
    due_at = session.exec(statement).first()
    return due_at if due_at != WHILE_PAUSED else None


def pause(session: Session, campaign: Campaign, *, now: datetime) -> None:
    """Let nothing of a campaign go until it is resumed; what is on its way right now still goes."""
    if campaign.post_paused_at is None:
        campaign.post_paused_at = now
        session.flush()
        ids = [message_id for message_id, _ in _waiting(session, campaign.id)]
        _set_due(session, ids, [WHILE_PAUSED] * len(ids))
        pacing.forget(session, campaign.id, now=now)


def resume(session: Session, campaign: Campaign, *, pace: Pace, now: datetime) -> None:
    """Let the post go on: what has waited gets new places, in its old order, not all at once."""
    if campaign.post_paused_at is not None:
        campaign.post_paused_at = None
        session.flush()
        waiting = _waiting(session, campaign.id)
        kept = _pace_of(session, campaign, pace)
        members = [member_id for _, member_id in waiting]
        due = pacing.reserve(session, campaign, members, pace=kept, now=now)
        _set_due(session, [message_id for message_id, _ in waiting], due)


def view(session: Session, campaign: Campaign) -> PostView:
    """How a campaign's post stands, in two statements."""
    states = (
        select(Letter.state, func.count())
        .where(Letter.campaign_id == campaign.id)
        .group_by(col(Letter.state))
    )
    found = dict(session.exec(states).all())
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
    is_paused = campaign.post_paused_at is not None
    return PostView(
        paused_at=campaign.post_paused_at,
        counts={state: found.get(state, 0) for state in LetterState},
        deferred=deferred,
        next_at=None if is_paused else next_at,
        last_at=None if is_paused else last_at,
        waiting_since=since,
    )


def page(
    session: Session,
    campaign: Campaign,
    *,
    state: LetterState | None,
    after: UUID | None,
    limit: int,
) -> list[PostedLetter]:
    """A campaign's letters, the newest first, behind the id `after`."""
    is_its_message = sa.and_(
        col(OutboxMessage.subject_id) == Letter.id,
        col(OutboxMessage.kind) == MessageKind.LETTER,
    )
    statement = (
        select(Letter, Member, OutboxMessage)
        .join(Member, col(Member.id) == Letter.member_id)
        .outerjoin(OutboxMessage, is_its_message)
        .where(Letter.campaign_id == campaign.id)
    )
    if state is not None:
        statement = statement.where(Letter.state == state)
    if after is not None:
        statement = statement.where(Letter.id < after)
    found = session.exec(statement.order_by(col(Letter.id).desc()).limit(limit))
    return [PostedLetter(*row) for row in found]


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
    if letter.state is LetterState.REJECTED:
        letter_sketches.keep(session, letter, keyring=keyring, now=now)
    letter.state, letter.reason = LetterState.QUEUED, None
    session.flush()
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
        _note_sent(session, letter, now)
        letter_receipts.queue(session, letter, keyring=keyring, now=now)
    else:
        _requeue(session, letter_id, MessageState.UNCERTAIN, now)
        letter.state, letter.reason = LetterState.QUEUED, None
    session.flush()
    return letter


def _pace_of(session: Session, campaign: Campaign, pace: Pace) -> Pace:
    """Who tries the demonstration by night wants to see its letters go."""
    owner = session.get_one(Organisation, campaign.organisation_id)
    return AT_ONCE if owner.is_demonstration else pace


def _is_message_of(letter_id: UUID) -> tuple[Any, ...]:
    return (OutboxMessage.subject_id == letter_id, OutboxMessage.kind == MessageKind.LETTER)


def _waits() -> tuple[Any, ...]:
    return (
        OutboxMessage.kind == MessageKind.LETTER,
        col(OutboxMessage.state).in_(_WAITING),
        Letter.state == LetterState.QUEUED,
    )


def _waiting(session: Session, campaign_id: UUID) -> list[tuple[UUID, int]]:
    """Messages of a campaign's letters that wait, oldest first, with their members' ids."""
    statement = (
        select(OutboxMessage.id, Letter.member_id)
        .join(Letter, col(Letter.id) == OutboxMessage.subject_id)
        .where(Letter.campaign_id == campaign_id, *_waits())
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
        .values(
            state=MessageState.QUEUED, due_at=now, created_at=now, finished_at=None, detail=None
        )
    )
    return changed.rowcount == 1


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


def _note_sent(session: Session, letter: Letter, now: datetime) -> None:
    session.connection().execute(
        sa.update(_outbox)
        .where(_outbox.c.subject_id == letter.id, _outbox.c.kind == MessageKind.LETTER)
        # No detail: the server never said that it took the letter.
        .values(state=MessageState.ACCEPTED, finished_at=now, detail=None)
    )
    letter.state, letter.reason, letter.sent_at = LetterState.SENT, None, now
    tallies.add_letter(session, letter.campaign_id, letter.motion_id, letter.constituency_code)
