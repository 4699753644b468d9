"""Turns submissions into letters in the queue when their writers confirm them.

A letter has the id of its submission, so that a second click finds it. Of two submissions to one
member about one motion, or of one campaign without a motion, the first one that is confirmed
stands; the other changes nothing.
"""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import Keyring, Letter, LetterState, MessageKind, OutboxMessage
from models.base import table_of
from services.consents.following import followed
from services.errors import Conflict, Gone
from services.letters import adoption, letter_states, submitted_letters
from services.letters.submitted_letters import SubmittedLetter
from services.mail.pacing import AT_ONCE, Pace
from services.submissions import standing_letters
from services.supporters import confirmed_answers, supporters
from services.supporters.confirmed_answers import ConfirmedAnswers

_letter, _outbox = table_of(Letter), table_of(OutboxMessage)


def confirm(
    session: Session, row_id: UUID, *, keyring: Keyring, now: datetime, pace: Pace = AT_ONCE
) -> Letter:
    """Queues a submitted letter for a time that its pace allows. Again: returns the same letter.

    Raises Conflict if it was cancelled since, or if another one of the writer's to this member is
    on its way or gone; Gone if there is nothing any more; Unavailable if it cannot be decrypted.
    Locks are taken in the order submission, supporter, letter, as signatures take them.
    """
    adoption.adopt_one(session, row_id, keyring=keyring, now=now)
    submitted = submitted_letters.find(session, row_id, keyring=keyring, for_update=True)
    # After the lock, so that a twin that was committed first is found.
    letter = session.get(Letter, row_id, populate_existing=True)
    if letter is not None:
        return _confirmed_before(letter)
    if submitted is None:
        raise gone()
    letter = queue(session, submitted, keyring=keyring, now=now, pace=pace)
    submitted_letters.delete(session, row_id)
    return letter


def queue(
    session: Session, submitted: SubmittedLetter, *, keyring: Keyring, now: datetime, pace: Pace
) -> Letter:
    """Queues a letter whose writer has proved that the email address is theirs.

    It replaces an earlier one that was cancelled, held or refused. Conflict if an earlier one is on
    its way or gone, or if something was said of it.
    """
    submitted.letter.supporter_id = _meet(session, submitted, keyring=keyring, now=now)
    supporters.lock(session, [submitted.letter.supporter_id])
    _remove_replaceable(session, submitted.letter, keyring, now)
    letter = letter_states.add(session, submitted.letter, keyring=keyring, now=now, pace=pace)
    if letter is None:
        about = "this motion" if submitted.letter.motion_id else "this"
        message = f"You have written to this MP about {about} already. That letter stays."
        raise Conflict("letter_sent", message)
    answers = ConfirmedAnswers(
        submitted.organisation_id,
        letter.supporter_id.hex,
        letter.created_at,
        updates=submitted.payload.updates,
        letter_id=letter.id,
    )
    if answers.updates is not None:
        with followed(session, [letter.supporter_id], now=now):
            confirmed_answers.save(session, [answers], now=now)
    return letter


def gone() -> Gone:
    """Returns the error for a link to a letter of which nothing is left."""
    message = "This was not confirmed in time, or was cancelled. Please write a new letter."
    return Gone("letter_expired", message)


def _confirmed_before(letter: Letter) -> Letter:
    if letter.state is LetterState.CANCELLED:
        raise Conflict("letter_cancelled", "This letter was cancelled. You can write a new one.")
    return letter


def _meet(session: Session, submitted: SubmittedLetter, *, keyring: Keyring, now: datetime) -> UUID:
    """Returns the id of the writer, who becomes a supporter by their first confirmation.

    What a supporter confirmed with a signature stays as it is.
    """
    address = submitted.address(keyring)
    ((supporter_id, is_new),) = supporters.find_or_add(session, [address], now=now)
    if not is_new:
        supporters.fill_in_unknown(session, {supporter_id: address})
    return UUID(supporter_id)


def _remove_replaceable(session: Session, letter: Letter, keyring: Keyring, now: datetime) -> None:
    """Deletes an earlier letter that was not sent. The links in its emails stop working."""
    statement = (
        select(Letter.id, Letter.state)
        .where(
            *standing_letters.is_same(
                letter.supporter_id,
                member_id=letter.member_id,
                motion_id=letter.motion_id,
                campaign_id=letter.campaign_id,
            ),
            ~standing_letters.stands(),
        )
        .with_for_update()
    )
    for letter_id, state in list(session.exec(statement)):
        if state is LetterState.PENDING:
            adoption.adopt_one(session, letter_id, keyring=keyring, now=now)
        else:
            _remove(session, letter_id)


def _remove(session: Session, letter_id: UUID) -> None:
    supporters.forget_letter(session, letter_id)
    session.connection().execute(
        sa.delete(_outbox).where(
            _outbox.c.subject_id == letter_id, _outbox.c.kind == MessageKind.LETTER
        )
    )
    session.connection().execute(sa.delete(_letter).where(col(Letter.id) == letter_id))
