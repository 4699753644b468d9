"""Adds letters with delivery problems to the demonstration, so that its letter queue has examples.

Only `lobby demo` loads them. Tests and drills use `invented_campaign.load` alone, with letters
that can be sent.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from models import Keyring, Letter, MessageKind, MessageState, OutboxMessage
from services.campaigns import campaigns
from services.demonstration import invented_campaign
from services.letters import letter_states
from services.signatures.recording import Lookup

FIRST, LAST = invented_campaign.LETTERS, invented_campaign.LETTERS + 24


@dataclass(frozen=True, slots=True)
class _LetterOutcome:
    """The outcome of a letter's last delivery attempt. `next_attempt_in` is zero if it is final."""

    state: MessageState
    detail: str | None = None
    attempts: int = 1
    hours_ago: float = 0
    next_attempt_in: timedelta = timedelta(0)
    bounced: bool = False


OUTCOMES = (
    _LetterOutcome(
        MessageState.REJECTED, "552 5.3.4 Message size exceeds fixed limit", hours_ago=26
    ),
    _LetterOutcome(MessageState.REJECTED, "550 5.7.1 Not accepted from this network", hours_ago=3),
    _LetterOutcome(MessageState.REJECTED, "550 5.1.1 No such mailbox", hours_ago=50, bounced=True),
    _LetterOutcome(MessageState.UNCERTAIN, "no answer after the dot: timed out", hours_ago=20),
    _LetterOutcome(MessageState.UNCERTAIN, "no answer after the dot: timed out", hours_ago=19.9),
    _LetterOutcome(
        MessageState.DEFERRED,
        "451 4.7.1 Greylisted, please try again later",
        attempts=7,
        hours_ago=2,
        next_attempt_in=timedelta(hours=3),
    ),
    _LetterOutcome(MessageState.QUEUED, attempts=0, next_attempt_in=timedelta(hours=5)),
    _LetterOutcome(MessageState.QUEUED, attempts=0, next_attempt_in=timedelta(hours=9)),
    _LetterOutcome(MessageState.QUEUED, attempts=0, next_attempt_in=timedelta(days=1, hours=2)),
    _LetterOutcome(MessageState.DROPPED, "standing_changed", attempts=1, hours_ago=30),
)


def load(session: Session, *, postcodes: Lookup, keyring: Keyring, now: datetime) -> None:
    """Loads one letter for each of `OUTCOMES`, after `invented_campaign.load`."""
    about = invented_campaign.about()
    campaign = campaigns.public(session, about.campaign)
    people = invented_campaign.supporters_of(about.petition)[FIRST:LAST]
    letters = invented_campaign.write_letters(session, campaign, people, postcodes, keyring, now)
    if len(letters) < len(OUTCOMES):
        raise RuntimeError("the demonstration has too few letters")
    for letter, outcome in zip(letters, OUTCOMES, strict=False):
        _apply(session, letter, outcome, keyring, now)


def _apply(
    session: Session, letter: Letter, outcome: _LetterOutcome, keyring: Keyring, now: datetime
) -> None:
    attempted_at = now - timedelta(hours=outcome.hours_ago)
    message = _message(session, letter)
    message.state, message.detail = outcome.state, outcome.detail
    message.attempt = outcome.attempts
    message.due_at = now + outcome.next_attempt_in
    created_at = attempted_at - timedelta(hours=1)
    letter.created_at = letter.confirmed_at = message.created_at = created_at
    if outcome.attempts:
        message.claimed_at = attempted_at
    if not outcome.next_attempt_in:
        message.finished_at = attempted_at
    session.flush()
    detail = outcome.detail or ""
    if outcome.state is MessageState.DROPPED:
        letter_states.hold(session, letter.id, detail, keyring=keyring, now=now)
    else:
        letter_states.record_delivery(
            session, letter.id, outcome.state, detail=detail, keyring=keyring, now=attempted_at
        )
    letter.bounced_at = attempted_at + timedelta(minutes=4) if outcome.bounced else None
    session.flush()


def _message(session: Session, letter: Letter) -> OutboxMessage:
    statement = select(OutboxMessage).where(
        OutboxMessage.subject_id == letter.id, col(OutboxMessage.kind) == MessageKind.LETTER
    )
    return session.exec(statement).one()
