"""What the links in a letter writer's email can do, before the letter is confirmed and after it."""

from dataclasses import replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlmodel import Session, select

from models import Keyring, Letter, LetterState, Submission, Supporter
from services.errors import Conflict
from services.letters import adoption, confirmed_letters, letter_states, submitted_letters
from services.submissions import ending, payload, standing_letters


class Disowned(NamedTuple):
    """What 'not me' led to: the letter's state, and what no more mails are sent about."""

    state: LetterState
    refused: ending.Subject | None


def find(session: Session, row_id: UUID, *, keyring: Keyring) -> Letter:
    """Returns the letter that a link is about; one that waits for its writer is `pending`.

    Raises Gone if nothing is left of it.
    """
    # The letter second: one that is confirmed between the two reads would otherwise be in neither.
    submitted = submitted_letters.find(session, row_id, keyring=keyring)
    letter = session.get(Letter, row_id, populate_existing=True)
    if letter is not None:
        return letter
    if submitted is None:
        raise confirmed_letters.gone()
    return submitted.letter


def sent_by(
    session: Session,
    supporter_id: UUID,
    *,
    member_id: int,
    motion_id: int | None,
    campaign_id: UUID,
) -> UUID | None:
    """Returns the id of the letter that a new one would not replace: on its way, or gone."""
    statement = select(Letter.id).where(
        *standing_letters.is_same(
            supporter_id, member_id=member_id, motion_id=motion_id, campaign_id=campaign_id
        ),
        standing_letters.stands(),
    )
    return session.exec(statement).first()


def cancel(session: Session, row_id: UUID, *, keyring: Keyring, now: datetime) -> Letter | None:
    """Deletes a submission, or cancels a letter that is queued or held; returns what it was.

    None if nothing was left of it. Conflict if the letter was sent or is being sent now.
    """
    adoption.adopt_one(session, row_id, keyring=keyring, now=now)
    submitted = submitted_letters.find(session, row_id, keyring=keyring, for_update=True)
    if submitted is not None:
        ending.delete_one(session, row_id)
        return submitted.letter
    # After the lock, so that a confirmation that was committed first is found.
    if session.get(Letter, row_id, populate_existing=True) is None:
        return None
    return letter_states.cancel(session, row_id)


def want_copy(session: Session, row_id: UUID, *, keyring: Keyring, now: datetime) -> Letter:
    """Emails the writer a copy when the letter is sent, or now if it was. Raises as `find` does.

    Before the letter is confirmed, this only ticks the box for the copy.
    """
    adoption.adopt_one(session, row_id, keyring=keyring, now=now)
    submitted = submitted_letters.find(session, row_id, keyring=keyring, for_update=True)
    if submitted is None:
        if session.get(Letter, row_id, populate_existing=True) is None:
            raise confirmed_letters.gone()
        return letter_states.want_copy(session, row_id, keyring=keyring, now=now)
    submission = session.get_one(Submission, row_id)
    submission.payload = payload.seal(
        submitted.organisation_id, replace(submitted.payload, wants_copy=True)
    )
    session.flush()
    submitted.letter.wants_copy = True
    return submitted.letter


def disown(session: Session, row_id: UUID, *, keyring: Keyring, now: datetime) -> Disowned:
    """Deletes the submitted letters of an address in a campaign, whose owner did not write one.

    For 90 days no mail asks the address to confirm a letter of this campaign. A letter that was
    confirmed with this link is cancelled if it is not sent yet; others stay.
    """
    adoption.adopt_one(session, row_id, keyring=keyring, now=now)
    refused = ending.delete_of_same_address(session, row_id)
    letter = session.get(Letter, row_id, populate_existing=True)
    if refused is None and letter is not None:
        index = session.get_one(Supporter, letter.supporter_id).email_index
        refused = ending.Subject(letter.campaign_id, bytes(index))
        ending.delete(session, refused)
    if refused is not None:
        ending.refuse(session, refused, now=now)
    return Disowned(_cancel_if_possible(session, letter), refused)


def _cancel_if_possible(session: Session, letter: Letter | None) -> LetterState:
    if letter is None:
        return LetterState.CANCELLED
    try:
        with session.begin_nested():
            return letter_states.cancel(session, letter.id).state
    except Conflict:
        session.refresh(letter)
        return letter.state
