"""Changes the state of a letter: pending, queued, sent, held, cancelled, rejected or uncertain.

Only this module writes `Letter.state` and the columns that belong to it (`reason`, `confirmed_at`,
`sent_at`, `bounced_at`); other modules call its functions. Here too, a letter that its writer has
confirmed is inserted as queued; before that it is a submission. `pending` is the state of letters
from before there were submissions (`adoption`).

A function that takes a letter's id updates it only in the state that it expects, so that one of two
concurrent calls succeeds. A function that takes a `Letter` needs it locked and checked.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import Keyring, Letter, LetterState, MessageKind, MessageState, OutboxMessage, Supporter
from models.base import table_of
from services.database import bulk
from services.errors import Conflict, NotFound
from services.letters import copies, send_times
from services.letters.drafting import sketches
from services.mail import outbox
from services.mail.pacing import AT_ONCE, Pace
from services.mail.recipients import recipient_of
from services.supporters import supporters
from services.tallies import counts
from services.webhooks import events
from services.webhooks.events import LetterFact

_letter = table_of(Letter)
# Built once: building these statements for each letter would cost more than running them.
_IS_IT = _letter.c.id == sa.bindparam("letter")
_ARE_THEY = _letter.c.id.in_(sa.bindparam("letters", expanding=True))
# The encrypted columns are left out: the outcome is recorded even if they cannot be decrypted. In
# order, so that two workers do not wait for each other.
_LOCKED = (
    sa.select(
        _letter.c.id,
        _letter.c.campaign_id,
        _letter.c.motion_id,
        _letter.c.member_id,
        _letter.c.constituency_code,
        _letter.c.state,
        _letter.c.wants_copy,
    )
    .where(_ARE_THEY)
    .order_by(_letter.c.id)
    .with_for_update()
)
_NOT_SENT = (
    sa.update(_letter)
    .where(_IS_IT)
    .values(state=sa.bindparam("new_state"), reason=sa.bindparam("detail"))
)
_REQUEUED = sa.update(_letter).where(_IS_IT).values(state=LetterState.QUEUED, reason=None)


class Locked(NamedTuple):
    """What is needed of a letter while it is sent. This transaction has locked it."""

    fact: LetterFact
    state: LetterState
    wants_copy: bool


def get(session: Session, letter_id: UUID, *, for_update: bool = False) -> Letter:
    """Reads one letter from the database, locked with `for_update`. NotFound if there is none."""
    lock = True if for_update else None
    letter = session.get(Letter, letter_id, populate_existing=True, with_for_update=lock)
    if letter is None:
        message = "There is no such letter any more."
        raise NotFound("letter_unknown", message)
    return letter


def add(
    session: Session, letter: Letter, *, keyring: Keyring, now: datetime, pace: Pace = AT_ONCE
) -> Letter | None:
    """Inserts a confirmed letter, queued for a time that its pace allows.

    `letter` is in no session. Returns the stored one, or None if its writer has another letter to
    this member about this motion; without a motion, of this campaign.
    """
    # The clock of the process that received it may be ahead of ours.
    letter.state, letter.confirmed_at = LetterState.QUEUED, max(now, letter.created_at)
    values = {column.name: getattr(letter, column.name) for column in _letter.columns}
    if not bulk.insert(session, _letter, [values], skip_existing=True):
        return None
    due_at = send_times.reserve_one(session, letter, pace=pace, now=now)
    message = outbox.NewMessage(MessageKind.LETTER, letter.id, None, due_at)
    outbox.queue(session, [message], now=now)
    sketches.store(session, letter, keyring=keyring, now=now)
    return get(session, letter.id)


def cancel(session: Session, letter_id: UUID) -> Letter:
    """Cancels a letter before it is sent. Conflict if it was sent or is being sent now."""
    waiting = (LetterState.QUEUED, LetterState.HELD)
    session.connection().execute(
        sa.update(_letter)
        .where(_letter.c.id == letter_id, _letter.c.state.in_(waiting))
        .values(state=LetterState.CANCELLED)
    )
    letter = get(session, letter_id)
    # After the update, so that it sees a worker that is about to send the final dot.
    if letter.state is not LetterState.CANCELLED or _is_being_sent(session, letter_id):
        raise Conflict("letter_sent", "This letter has gone already, or is going right now.")
    sketches.delete(session, letter_id)
    return letter


def want_copy(session: Session, letter_id: UUID, *, keyring: Keyring, now: datetime) -> Letter:
    """Emails the writer a copy: now if the letter was sent, otherwise once it is sent.

    Asking again queues no second copy. Conflict if the letter was cancelled, or if its writer wants
    no email.
    """
    letter = get(session, letter_id, for_update=True)
    if letter.state is LetterState.CANCELLED:
        raise Conflict("letter_cancelled", "This letter was cancelled. You can write a new one.")
    supporters.require_mail(session, letter.supporter_id)
    letter.wants_copy = True
    if letter.state is LetterState.SENT:
        copies.queue(session, letter, keyring=keyring, now=now)
    session.flush()
    return letter


def hold(
    session: Session, letter_id: UUID, reason: str, *, keyring: Keyring, now: datetime
) -> None:
    """Holds a queued letter back, and emails its writer the reason (a code)."""
    changed = session.connection().execute(
        sa.update(_letter)
        .where(_letter.c.id == letter_id, _letter.c.state == LetterState.QUEUED)
        .values(state=LetterState.HELD, reason=reason)
    )
    if changed.rowcount:
        sketches.delete(session, letter_id)
        letter = get(session, letter_id)
        _email_writer(session, MessageKind.LETTER_HELD, letter, keyring=keyring, now=now)


def lock(session: Session, letter_ids: Collection[UUID]) -> dict[UUID, Locked]:
    """Locks letters and returns them by id: before their final dots, and to record that they went.

    The lock makes sure that none is cancelled before its dot unnoticed, and that a copy that is
    asked for at this moment is queued by `record_sent` or by `want_copy`.
    """
    if not letter_ids:
        return {}
    rows = session.connection().execute(_LOCKED, {"letters": list(letter_ids)})
    return {row.id: Locked(LetterFact(*row[:-2]), row.state, row.wants_copy) for row in rows}


def record_delivery(
    session: Session,
    letter_id: UUID,
    state: MessageState,
    *,
    detail: str,
    keyring: Keyring,
    now: datetime,
) -> None:
    """Records how a delivery ended. A letter that was sent is counted, and its copy is queued.

    A message that was only deferred changes nothing.
    """
    if state is MessageState.ACCEPTED:
        letter = lock(session, [letter_id])[letter_id]
        record_sent(session, [letter], keyring=keyring, now=now)
        return
    new_state = {
        MessageState.REJECTED: LetterState.REJECTED,
        MessageState.UNCERTAIN: LetterState.UNCERTAIN,
    }.get(state)
    if new_state is None:
        return
    params = {"letter": letter_id, "new_state": new_state, "detail": detail}
    session.connection().execute(_NOT_SENT, params)
    if new_state is LetterState.REJECTED:
        sketches.delete(session, letter_id)


def record_sent(
    session: Session, letters: Sequence[Locked], *, keyring: Keyring, now: datetime
) -> None:
    """Records that letters were sent: counts them, and queues the copies that were asked for."""
    if not letters:
        return
    _mark_sent(session, [(letter.fact, now) for letter in letters], now=now)
    for letter in letters:
        if letter.wants_copy:
            copies.queue(session, get(session, letter.fact.id), keyring=keyring, now=now)


def mark_sent(session: Session, letter: Letter, *, keyring: Keyring, now: datetime) -> None:
    """Records that an uncertain letter was sent after all: counts it and queues its copy."""
    letter.state, letter.reason, letter.sent_at = LetterState.SENT, None, now
    counts.add_letter(
        session, letter.campaign_id, letter.motion_id, letter.constituency_code, sent_at=now
    )
    events.letters_sent(session, [(events.letter_fact(letter), now)], now=now)
    copies.queue(session, letter, keyring=keyring, now=now)
    session.flush()


def mark_many_sent(
    session: Session,
    sent: Sequence[tuple[LetterFact, datetime]],
    *,
    keyring: Keyring,
    now: datetime,
) -> None:
    """Records that uncertain letters were sent at these times: counts them and queues copies.

    The caller has locked them.
    """
    if not sent:
        return
    _mark_sent(session, sent, now=now)
    wanting = (
        select(Letter)
        .where(col(Letter.id).in_([fact.id for fact, _ in sent]), col(Letter.wants_copy))
        .order_by(col(Letter.id))
    )
    for letter in list(session.exec(wanting)):
        copies.queue(session, letter, keyring=keyring, now=now)


def requeue(session: Session, letter: Letter, *, keyring: Keyring, now: datetime) -> None:
    """Queues a rejected, deferred or uncertain letter again. The caller requeues its message."""
    if letter.state is LetterState.REJECTED:
        sketches.store(session, letter, keyring=keyring, now=now)
    letter.state, letter.reason, letter.bounced_at = LetterState.QUEUED, None, None
    session.flush()


def requeue_many(session: Session, letter_ids: Collection[UUID]) -> None:
    """Queues uncertain letters again. The caller has locked them and requeues their messages."""
    if letter_ids:
        rows = [{"letter": letter_id} for letter_id in letter_ids]
        session.connection().execute(_REQUEUED, rows)


def doubt_waiting(session: Session, reason: str) -> int:
    """Makes all queued letters uncertain, and returns how many. The caller ends their messages."""
    message = table_of(OutboxMessage)
    waiting = sa.select(message.c.subject_id).where(
        message.c.kind == MessageKind.LETTER, message.c.state.in_(outbox.WAITING)
    )
    changed = session.connection().execute(
        sa.update(_letter)
        .where(_letter.c.state == LetterState.QUEUED, _letter.c.id.in_(waiting))
        .values(state=LetterState.UNCERTAIN, reason=reason)
    )
    return changed.rowcount


def mark_bounced(
    session: Session, letter: Letter, reason: str, *, keyring: Keyring, now: datetime
) -> None:
    """Records that a letter came back: it no longer counts as sent, and its writer gets an email.

    `reason` is what the mail server said.
    """
    if letter.state is LetterState.SENT and letter.sent_at is not None:
        counts.remove_letter(
            session,
            letter.campaign_id,
            letter.motion_id,
            letter.constituency_code,
            sent_at=letter.sent_at,
        )
    letter.state, letter.reason, letter.bounced_at = LetterState.REJECTED, reason, now
    session.flush()
    sketches.delete(session, letter.id)
    _email_writer(session, MessageKind.LETTER_BOUNCED, letter, keyring=keyring, now=now)


def _mark_sent(
    session: Session, sent: Sequence[tuple[LetterFact, datetime]], *, now: datetime
) -> None:
    ids, times = [fact.id for fact, _ in sent], [at for _, at in sent]
    shared = {"state": LetterState.SENT, "reason": None}
    bulk.update_columns(session, _letter, ids, {"sent_at": times}, shared)
    counts.add_letters(
        session,
        ((fact.campaign_id, fact.motion_id, fact.constituency_code, at) for fact, at in sent),
    )
    events.letters_sent(session, sent, now=now)


def _email_writer(
    session: Session, kind: MessageKind, letter: Letter, *, keyring: Keyring, now: datetime
) -> None:
    writer = session.get_one(Supporter, letter.supporter_id)
    recipient = recipient_of(writer.email.text, keyring)
    outbox.queue(session, [outbox.NewMessage(kind, letter.id, recipient)], now=now)


def _is_being_sent(session: Session, letter_id: UUID) -> bool:
    states = (MessageState.DOT_PENDING, MessageState.ACCEPTED, MessageState.UNCERTAIN)
    statement = select(OutboxMessage.id).where(
        OutboxMessage.subject_id == letter_id,
        OutboxMessage.kind == MessageKind.LETTER,
        col(OutboxMessage.state).in_(states),
    )
    return session.exec(statement).first() is not None
