"""Messages waiting for delivery, and what became of them.

queued -> claimed -> dot_pending -> accepted | deferred | rejected | uncertain. Every step is a
conditional update on the state and the attempt's number, so that of two workers, or of a worker
that came back from the dead and its successor, only one goes on.
"""

import random
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session

from models import Campaign, Letter, MessageKind, MessageState, Organisation, OutboxMessage
from models.base import RowId, new_ids, table_of
from services.database import bulk
from services.database.bulk import BulkLookup
from services.mail import dead_addresses
from services.mail.pacing import AT_ONCE, Pace

MAILS_A_DAY = 5
LEASE = timedelta(minutes=10)
GIVE_UP_AFTER = timedelta(days=4)  # RFC 5321, 4.5.4.1
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=4)
GREYLISTED_WAIT = timedelta(minutes=5)
_GREYLISTED = re.compile(r"gr[ae]y-?list|postgrey", re.IGNORECASE)
_DURATION = re.compile(
    r"\b(?P<number>[0-9]{1,5}) ?(?P<unit>s(ec(ond)?s?)?|m(in(ute)?s?)?)\b", re.IGNORECASE
)
_outbox = table_of(OutboxMessage)
_MAILS_SINCE = BulkLookup(
    lambda among: (
        sa.select(_outbox.c.recipient_index, sa.func.count())
        .where(
            among(_outbox.c.recipient_index, "indexes"),
            _outbox.c.created_at > sa.bindparam("since"),
        )
        .group_by(_outbox.c.recipient_index)
    )
)
_DUE = (MessageState.QUEUED, MessageState.DEFERRED)
# Why a message counts as accepted though no server said so.
BY_HAND, BY_LOG = "sent, by somebody's word", "taken, by the relay's log"
NOT_ENDED = (MessageState.DOT_PENDING, MessageState.CLAIMED)
WAITING = (*_DUE, *NOT_ENDED)
"""What became of it is open."""
BEFORE_THE_DOT = (MessageState.CLAIMED,)


class NewMessage(NamedTuple):
    """A message to be queued. `recipient_index` is None for letters to MPs.

    Without `due_at` it goes as soon as it can.
    """

    kind: MessageKind
    subject_id: RowId
    recipient_index: bytes | None
    due_at: datetime | None = None


def queue(session: Session, notes: list[NewMessage], *, now: datetime) -> None:
    """Queue messages, at most five a day to one address, and none to one that is dead; the rest
    are left out in silence.

    In silence, since an error would tell a stranger that the address has been used here before.
    """
    wanted = {note.recipient_index for note in notes if note.recipient_index is not None}
    sent, dead = _sent_today(session, wanted, now), dead_addresses.among(session, wanted)
    kept = []
    for note in notes:
        index = note.recipient_index
        if index is not None:
            if index in dead:
                continue
            sent[index] = sent.get(index, 0) + 1
            if sent[index] > MAILS_A_DAY:
                continue
        kept.append(note)
    _insert(session, kept, now)


def claim(
    session: Session, *, now: datetime, limit: int, pace: Pace = AT_ONCE
) -> list[OutboxMessage]:
    """Take messages that are due; each gets a new attempt number. Nobody else gets them.

    Letters of campaigns that rest are left: also one that was deferred, or is sent again by hand.
    """
    due = (
        sa.select(_outbox.c.id)
        .where(_outbox.c.state.in_(_DUE), _outbox.c.due_at <= now)
        .where(*_of_none_at_rest(session, pace, now))
        .order_by(_outbox.c.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = list(session.connection().execute(due).scalars())
    if not ids:
        return []
    taken = (
        sa.update(OutboxMessage)
        .where(_outbox.c.id.in_(ids), _outbox.c.state.in_(_DUE))
        .values(state=MessageState.CLAIMED, attempt=_outbox.c.attempt + 1, claimed_at=now)
        .returning(OutboxMessage)
    )
    rows = session.scalars(taken, execution_options={"synchronize_session": False})
    return sorted(rows, key=lambda message: (message.due_at, message.id))


def before_dot(session: Session, message: OutboxMessage) -> bool:
    """Commit to the final dot; False where another attempt has taken the message over."""
    return _move(session, message, MessageState.CLAIMED, state=MessageState.DOT_PENDING)


def finish(
    session: Session,
    message: OutboxMessage,
    state: MessageState,
    *,
    now: datetime,
    detail: str | None,
    held: tuple[MessageState, ...] = NOT_ENDED,
) -> MessageState | None:
    """Write down how an attempt ended; the state that it got, None where it is another's by now.

    A mail that may be repeated is not left uncertain, and a deferral after four days is final.
    `held` are the states that it may be in now.
    """
    is_letter = message.kind is MessageKind.LETTER
    if state is MessageState.UNCERTAIN and not is_letter:
        state = MessageState.DEFERRED
    if state is MessageState.DEFERRED and now - message.created_at > GIVE_UP_AFTER:
        state = MessageState.REJECTED
    values: dict[str, Any] = {"state": state, "detail": detail, "finished_at": now}
    if state is MessageState.DEFERRED:
        values |= {"finished_at": None, "due_at": now + wait_after(message.attempt, detail=detail)}
    return state if _move(session, message, *held, **values) else None


def accept_many(
    session: Session, taken: Sequence[tuple[OutboxMessage, str]], *, now: datetime
) -> None:
    """Write down that messages were accepted, each with what was said: for those of which nothing
    follows. One that is another attempt's by now is left to it."""
    if taken:
        ended = {"state": MessageState.ACCEPTED, "finished_at": now}
        rows = [_params_of(message, ended | {"detail": said}) for message, said in taken]
        session.connection().execute(_moving(NOT_ENDED, (*ended, "detail")), rows)


def give_back(session: Session, messages: list[OutboxMessage], *, now: datetime) -> None:
    """Messages that were claimed and not attempted wait again, as though nothing had been."""
    for message in messages:
        again = {"state": MessageState.QUEUED, "due_at": now, "attempt": message.attempt - 1}
        _move(session, message, MessageState.CLAIMED, **again)


def wait_after(
    attempt: int, *, detail: str | None = None, chance: Callable[[], float] = random.random
) -> timedelta:
    """Doubling waits, from a minute to four hours, each up to a fifth longer by chance: what failed
    together does not come back together.

    A server that puts an unknown sender off for a while (greylisting) says so in its answer, the
    `detail`, and often for how long: sooner would be in vain.
    """
    doublings: int = min(attempt - 1, 16)
    wait = min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)
    return max(wait, _greylisting_wait(detail or "")) * (1 + chance() / 5)


def _greylisting_wait(detail: str) -> timedelta:
    """What a greylisting server asks for, as far as it can be meant; nothing for other answers."""
    if not _GREYLISTED.search(detail):
        return timedelta(0)
    told = _DURATION.search(detail)
    if told is None:
        return GREYLISTED_WAIT
    unit = timedelta(minutes=1) if told["unit"].startswith("m") else timedelta(seconds=1)
    return min(int(told["number"]) * unit, LONGEST_WAIT)


def release_stale(session: Session, *, now: datetime) -> list[OutboxMessage]:
    """Settle attempts whose worker died.

    Before the dot, the message goes again. After it, nobody knows: a confirmation may be repeated,
    but a letter to an MP becomes `uncertain` and is returned, so that its row can say so.
    """
    stale = _outbox.c.claimed_at < now - LEASE
    pending = sa.and_(stale, _outbox.c.state == MessageState.DOT_PENDING)
    is_letter = _outbox.c.kind == MessageKind.LETTER
    rows = session.connection().execute(sa.select(_outbox).where(pending, is_letter)).mappings()
    letters = [OutboxMessage(**row) for row in rows]
    for message in letters:
        _move(
            session,
            message,
            MessageState.DOT_PENDING,
            state=MessageState.UNCERTAIN,
            finished_at=now,
            detail="the worker stopped after the final dot",
        )
    again = sa.or_(
        sa.and_(stale, _outbox.c.state == MessageState.CLAIMED), sa.and_(pending, ~is_letter)
    )
    session.connection().execute(
        sa.update(_outbox).where(again).values(state=MessageState.QUEUED, due_at=now)
    )
    return letters


def oldest_due(session: Session, *, now: datetime) -> timedelta:
    """How long the message that has waited longest has been due; zero where none is."""
    statement = sa.select(sa.func.min(_outbox.c.due_at)).where(
        _outbox.c.state.in_(_DUE), _outbox.c.due_at <= now
    )
    oldest: datetime | None = session.connection().execute(statement).scalar()
    return now - oldest if oldest else timedelta(0)


def counts(session: Session) -> dict[str, int]:
    """Messages by state, for metrics."""
    statement = sa.select(_outbox.c.state, sa.func.count()).group_by(_outbox.c.state)
    return {str(state): total for state, total in session.connection().execute(statement)}


def _of_none_at_rest(
    session: Session, pace: Pace, now: datetime
) -> tuple[sa.ColumnElement[bool], ...]:
    """Leaves out letters of campaigns whose post is paused, and in the quiet hours those of all,
    but the demonstration's: who tries it by night wants to see its letters go."""
    campaign, letter, owner = table_of(Campaign), table_of(Letter), table_of(Organisation)
    rests: sa.ColumnElement[bool] = campaign.c.letters_paused_at.is_not(None)
    if pace.is_quiet(now):
        is_real = campaign.c.organisation_id.in_(
            sa.select(owner.c.id).where(~owner.c.is_demonstration)
        )
        rests = sa.or_(rests, is_real)
    at_rest = list(session.connection().execute(sa.select(campaign.c.id).where(rests)).scalars())
    if not at_rest:
        return ()
    is_of_one = sa.exists().where(
        letter.c.id == _outbox.c.subject_id, letter.c.campaign_id.in_(at_rest)
    )
    return (sa.or_(_outbox.c.kind != MessageKind.LETTER, ~is_of_one),)


def _insert(session: Session, notes: list[NewMessage], now: datetime) -> None:
    if not notes:
        return
    varying: dict[str, list[Any]] = {
        "id": new_ids(len(notes)),
        "kind": [note.kind for note in notes],
        "subject_id": [note.subject_id for note in notes],
        "recipient_index": [note.recipient_index for note in notes],
        "due_at": [note.due_at or now for note in notes],
    }
    shared = {"state": MessageState.QUEUED, "attempt": 0, "created_at": now}
    bulk.insert_columns(session, _outbox, varying, shared, is_ignoring=False)


def _sent_today(session: Session, wanted: set[bytes], now: datetime) -> dict[bytes, int]:
    if not wanted:
        return {}
    found = _MAILS_SINCE.rows(session, indexes=list(wanted), since=now - timedelta(days=1))
    return {bytes(index): total for index, total in found}


def _move(session: Session, message: OutboxMessage, *held: MessageState, **values: Any) -> bool:
    """Compare and swap on the state and the attempt's number."""
    told = _params_of(message, values)
    return session.connection().execute(_moving(held, tuple(values)), told).rowcount == 1


def _params_of(message: OutboxMessage, values: dict[str, Any]) -> dict[str, Any]:
    """What `_moving` is sent with."""
    told = {f"new_{name}": value for name, value in values.items()}
    return told | {"message": message.id, "held_attempt": message.attempt}


@lru_cache(maxsize=50)
def _moving(held: tuple[MessageState, ...], names: tuple[str, ...]) -> sa.Update:
    """Put together once: that costs more than to send it."""
    return (
        sa.update(_outbox)
        .where(
            _outbox.c.id == sa.bindparam("message"),
            _outbox.c.attempt == sa.bindparam("held_attempt"),
            sa.or_(*(_outbox.c.state == state for state in held)),
        )
        .values({name: sa.bindparam(f"new_{name}") for name in names})
    )
