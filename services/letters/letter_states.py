"""What becomes of a letter: confirmed, cancelled, held, sent, refused, uncertain.

Every step is a conditional update on the state held before: of two at once, one succeeds.
"""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import Keyring, Letter, LetterState, MessageKind, MessageState, OutboxMessage, Supporter
from models.base import table_of
from services.common import texts
from services.errors import Conflict, NotFound
from services.letters import copies, letter_queue
from services.letters.drafting import sketches
from services.mail import outbox
from services.mail.pacing import AT_ONCE, Pace
from services.supporters import supporters
from services.tallies import counts
from services.webhooks import events
from services.webhooks.events import LetterFact

_letter = table_of(Letter)
# Put together once: for each letter that would cost more than to send them.
_IS_IT = _letter.c.id == sa.bindparam("letter")
_COUNTED = (
    sa.select(
        _letter.c.campaign_id,
        _letter.c.motion_id,
        _letter.c.constituency_code,
        _letter.c.member_id,
        _letter.c.wants_copy,
    )
    .where(_IS_IT)
    .with_for_update()
)
_SENT = (
    sa.update(_letter)
    .where(_IS_IT)
    .values(state=LetterState.SENT, reason=None, sent_at=sa.bindparam("now"))
)
_NOT_SENT = (
    sa.update(_letter)
    .where(_IS_IT)
    .values(state=sa.bindparam("ended"), reason=sa.bindparam("detail"))
)
_STATE = sa.select(_letter.c.state).where(_IS_IT).with_for_update()


def confirm(
    session: Session,
    letter_id: UUID,
    *,
    keyring: Keyring,
    now: datetime,
    pace: Pace = AT_ONCE,
) -> Letter:
    """Send a letter on its way, once, when the pace lets it. Confirmed already: the same again."""
    changed = session.connection().execute(
        sa.update(_letter)
        .where(_letter.c.id == letter_id, _letter.c.state == LetterState.PENDING)
        .values(state=LetterState.QUEUED, confirmed_at=now)
    )
    letter = get(session, letter_id)
    if changed.rowcount:
        due_at = letter_queue.place_for(session, letter, pace=pace, now=now)
        note = outbox.Note(MessageKind.LETTER, letter_id, None, due_at)
        outbox.queue(session, [note], now=now)
        supporters.confirm_letter_answers(session, letter_id=letter_id, now=now)
        sketches.keep(session, letter, keyring=keyring, now=now)
    if letter.state is LetterState.CANCELLED:
        raise Conflict("letter_cancelled", "This letter was cancelled. You can write a new one.")
    return letter


def cancel(session: Session, letter_id: UUID) -> Letter:
    """Take a letter back before it goes. Conflict where it has gone or is going right now."""
    waiting = (LetterState.PENDING, LetterState.QUEUED, LetterState.HELD)
    session.connection().execute(
        sa.update(_letter)
        .where(_letter.c.id == letter_id, _letter.c.state.in_(waiting))
        .values(state=LetterState.CANCELLED)
    )
    letter = get(session, letter_id)
    # After the update, so that a worker that has committed to the dot is seen.
    if letter.state is not LetterState.CANCELLED or _is_going(session, letter_id):
        raise Conflict("letter_sent", "This letter has gone already, or is going right now.")
    sketches.forget(session, letter_id)
    return letter


def want_copy(session: Session, letter_id: UUID, *, keyring: Keyring, now: datetime) -> Letter:
    """Have a copy mailed to the writer: at once where the letter has gone, or else when it goes.

    Again: the same, and one copy. Conflict where it was cancelled, or its writer wants no mail.
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


def get(session: Session, letter_id: UUID, *, for_update: bool = False) -> Letter:
    """One letter as it stands now, or NotFound. `for_update`: nobody changes it meanwhile."""
    lock = True if for_update else None
    found = session.get(Letter, letter_id, populate_existing=True, with_for_update=lock)
    if found is None:
        message = "This letter was replaced by a newer one. Please use the newest mail."
        raise NotFound("letter_unknown", message)
    return found


def hold(
    session: Session, letter_id: UUID, reason: str, *, keyring: Keyring, now: datetime
) -> None:
    """Keep a queued letter back, and tell its writer."""
    changed = session.connection().execute(
        sa.update(_letter)
        .where(_letter.c.id == letter_id, _letter.c.state == LetterState.QUEUED)
        .values(state=LetterState.HELD, reason=reason)
    )
    if changed.rowcount:
        sketches.forget(session, letter_id)
        supporter = session.get_one(Supporter, get(session, letter_id).supporter_id)
        canonical = texts.canonical_email(supporter.email.text)
        recipient = keyring.everywhere_index(canonical)
        note = outbox.Note(MessageKind.LETTER_HELD, letter_id, recipient)
        outbox.queue(session, [note], now=now)


def is_still_wanted(session: Session, letter_id: UUID) -> bool:
    """Asked under a lock in the transaction that commits to the dot: not cancelled meanwhile."""
    told = {"letter": letter_id}
    state: LetterState | None = session.connection().execute(_STATE, told).scalar()
    return state is LetterState.QUEUED


def delivered(
    session: Session,
    letter_id: UUID,
    state: MessageState,
    *,
    detail: str,
    keyring: Keyring,
    now: datetime,
) -> None:
    """Write down how the delivery of a letter ended; a sent one is counted, and its copy queued."""
    ended = {
        MessageState.ACCEPTED: LetterState.SENT,
        MessageState.REJECTED: LetterState.REJECTED,
        MessageState.UNCERTAIN: LetterState.UNCERTAIN,
    }.get(state)
    if ended is None:
        return
    # Under a lock: a copy that is asked for right now is queued here or there, never by neither.
    # Without the words, which are sealed: how it ended is written down whether they open or not.
    its = {"letter": letter_id}
    *counted, member_id, wants_copy = session.connection().execute(_COUNTED, its).one()
    is_sent = ended is LetterState.SENT
    if is_sent:
        session.connection().execute(_SENT, its | {"now": now})
    else:
        session.connection().execute(_NOT_SENT, its | {"ended": ended, "detail": detail})
    if is_sent:
        counts.add_letter(session, *counted)
        campaign_id, motion_id, code = counted
        fact = LetterFact(letter_id, campaign_id, motion_id, member_id, code)
        events.letters_sent(session, [(fact, now)], now=now)
    if is_sent and wants_copy:
        copies.queue(session, get(session, letter_id), keyring=keyring, now=now)
    if ended is LetterState.REJECTED:
        sketches.forget(session, letter_id)


def _is_going(session: Session, letter_id: UUID) -> bool:
    going = (MessageState.DOT_PENDING, MessageState.ACCEPTED, MessageState.UNCERTAIN)
    statement = select(OutboxMessage.id).where(
        OutboxMessage.subject_id == letter_id,
        OutboxMessage.kind == MessageKind.LETTER,
        col(OutboxMessage.state).in_(going),
    )
    return session.exec(statement).first() is not None
