"""Letters of the demonstration that did not simply go, so that its organiser has a post to look at.

Beside `invented_campaign.load`, for who tries it by hand: tests and drills want letters that go.
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
class _Fate:
    """What became of a letter's last attempt. With `waits` it goes by itself after that."""

    state: MessageState
    detail: str | None = None
    attempts: int = 1
    hours_ago: float = 0
    waits: timedelta = timedelta(0)
    bounced: bool = False


FATES = (
    _Fate(MessageState.REJECTED, "552 5.3.4 Message size exceeds fixed limit", hours_ago=26),
    _Fate(MessageState.REJECTED, "550 5.7.1 Not accepted from this network", hours_ago=3),
    _Fate(MessageState.REJECTED, "550 5.1.1 No such mailbox", hours_ago=50, bounced=True),
    _Fate(MessageState.UNCERTAIN, "no answer after the dot: timed out", hours_ago=20),
    _Fate(MessageState.UNCERTAIN, "no answer after the dot: timed out", hours_ago=19.9),
    _Fate(
        MessageState.DEFERRED,
        "451 4.7.1 Greylisted, please try again later",
        attempts=7,
        hours_ago=2,
        waits=timedelta(hours=3),
    ),
    _Fate(MessageState.QUEUED, attempts=0, waits=timedelta(hours=5)),
    _Fate(MessageState.QUEUED, attempts=0, waits=timedelta(hours=9)),
    _Fate(MessageState.QUEUED, attempts=0, waits=timedelta(days=1, hours=2)),
    _Fate(MessageState.DROPPED, "standing_changed", attempts=1, hours_ago=30),
)


def load(session: Session, *, postcodes: Lookup, keyring: Keyring, now: datetime) -> None:
    """Some more supporters write, and each of their letters meets another fate."""
    about = invented_campaign.about()
    campaign = campaigns.public(session, about.campaign)
    people = invented_campaign.supporters_of(about.petition)[FIRST:LAST]
    letters = invented_campaign.write_letters(session, campaign, people, postcodes, keyring, now)
    if len(letters) < len(FATES):
        raise RuntimeError("the demonstration has too few letters")
    for letter, fate in zip(letters, FATES, strict=False):
        _meet(session, letter, fate, keyring, now)


def _meet(session: Session, letter: Letter, fate: _Fate, keyring: Keyring, now: datetime) -> None:
    ended = now - timedelta(hours=fate.hours_ago)
    message = _message_of(session, letter)
    message.state, message.detail, message.attempt = fate.state, fate.detail, fate.attempts
    message.due_at = now + fate.waits
    letter.created_at = letter.confirmed_at = message.created_at = ended - timedelta(hours=1)
    if fate.attempts:
        message.claimed_at = ended
    if not fate.waits:
        message.finished_at = ended
    session.flush()
    detail = fate.detail or ""
    if fate.state is MessageState.DROPPED:
        letter_states.hold(session, letter.id, detail, keyring=keyring, now=now)
    else:
        letter_states.record_delivery(
            session, letter.id, fate.state, detail=detail, keyring=keyring, now=ended
        )
    letter.bounced_at = ended + timedelta(minutes=4) if fate.bounced else None
    session.flush()


def _message_of(session: Session, letter: Letter) -> OutboxMessage:
    statement = select(OutboxMessage).where(
        OutboxMessage.subject_id == letter.id, col(OutboxMessage.kind) == MessageKind.LETTER
    )
    return session.exec(statement).one()
