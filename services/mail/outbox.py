"""The outbox: messages that wait for delivery, and how their delivery ended.

States: queued -> claimed -> dot_pending -> accepted | deferred | rejected | uncertain. The final
dot is the end of a message in SMTP (`couriers`). `services.database.work_queue` has the rules of
claims and attempts.
"""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import Campaign, Letter, MessageKind, MessageState, Organisation, OutboxMessage
from models.base import RowId, new_ids, table_of
from services.database import bulk
from services.database.bulk import BulkLookup
from services.database.work_queue import WorkQueue
from services.mail import dead_addresses, relays
from services.mail.pacing import AT_ONCE, Pace
from services.mail.recipients import Recipient

MAILS_A_DAY = 5
_DAY = timedelta(days=1)
LEASE = timedelta(minutes=10)
GIVE_UP_AFTER = timedelta(days=4)  # RFC 5321, 4.5.4.1
# In four days a message is attempted more often than that, if a worker runs.
FEWEST_ATTEMPTS = 20
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
        sa.select(_outbox.c.mailbox_index, _outbox.c.created_at)
        .where(
            among(_outbox.c.mailbox_index, "mailboxes"),
            _outbox.c.created_at > sa.bindparam("since"),
            # An organiser asked for these, hour by hour: they use up no limit.
            _outbox.c.kind != MessageKind.ALERT_DIGEST,
        )
        .order_by(_outbox.c.created_at)
    )
)
_DUE = (MessageState.QUEUED, MessageState.DEFERRED)
_queue = WorkQueue[OutboxMessage](OutboxMessage, due=_DUE, claimed=MessageState.CLAIMED)
# The `detail` of messages that count as accepted although no server said so.
BY_HAND, BY_LOG = "sent, by somebody's word", "taken, by the relay's log"
NOT_ENDED = (MessageState.DOT_PENDING, MessageState.CLAIMED)
WAITING = (*_DUE, *NOT_ENDED)
"""States of messages whose outcome is open."""
BEFORE_THE_DOT = (MessageState.CLAIMED,)
Held = Mapping[UUID, StrEnum]
"""The states of messages that this transaction has locked, by id."""


class NewMessage(NamedTuple):
    """A message to queue.

    `recipient` is None for letters to MPs. Without `due_at` it is due at once. `sender_index` is
    the keyed hash of the network or API key that caused it, where the mail was asked for.
    """

    kind: MessageKind
    subject_id: RowId
    recipient: Recipient | None
    due_at: datetime | None = None
    sender_index: bytes | None = None


def queue(session: Session, messages: Sequence[NewMessage], *, now: datetime) -> None:
    """Queues messages; one to a dead address is dropped.

    A mailbox gets at most five a day, however its address is spelt: those over it wait until the
    first of the five is a day old. `services.submissions` shares out the mails that anybody can ask
    for, and inserts them itself.
    """
    recipients = {message.recipient for message in messages if message.recipient is not None}
    dead = dead_addresses.dead_indexes(session, {each.address_index for each in recipients})
    sent = _sent_today(session, {each.mailbox_index for each in recipients}, now)
    planned = []
    for message in messages:
        if message.recipient is None:
            planned.append(message)
        elif message.recipient.address_index not in dead:
            times = sent[message.recipient.mailbox_index]
            due_at = _room_at(times, message.due_at or now)
            times.append(due_at)
            planned.append(message._replace(due_at=due_at))
    insert(session, planned, now=now)


def insert(session: Session, messages: Sequence[NewMessage], *, now: datetime) -> None:
    """Inserts messages whose limits the caller has checked.

    `created_at` is the time from which a message counts for the daily limit: when it is due.
    """
    if not messages:
        return
    due = [message.due_at or now for message in messages]
    recipients = [message.recipient for message in messages]
    varying: dict[str, list[Any]] = {
        "id": new_ids(len(messages)),
        "kind": [message.kind for message in messages],
        "subject_id": [message.subject_id for message in messages],
        "recipient_index": [each.address_index if each else None for each in recipients],
        "mailbox_index": [each.mailbox_index if each else None for each in recipients],
        "sender_index": [message.sender_index for message in messages],
        "due_at": due,
        "created_at": [
            due_at if each else now for each, due_at in zip(recipients, due, strict=True)
        ],
    }
    shared = {"state": MessageState.QUEUED, "attempt": 0}
    bulk.insert_columns(session, _outbox, varying, shared, skip_existing=False)


def claim(
    session: Session, *, now: datetime, limit: int, pace: Pace = AT_ONCE
) -> list[OutboxMessage]:
    """Claims messages that are due, and gives each a new attempt number.

    It leaves all letters of paused campaigns, and in the quiet hours those of all campaigns, even
    deferred ones and those that an organiser sends again.
    """
    due = (
        sa.select(_outbox.c.id)
        .where(_queue.is_due(now), *_may_be_sent(session, pace, now))
        .order_by(_outbox.c.due_at)
        .limit(limit)
    )
    return _queue.claim(session, due, now=now)


def held(session: Session, messages: Sequence[OutboxMessage]) -> Held:
    """Locks messages, and returns by id the states of those that no other attempt has now."""
    return _queue.held(session, messages)


def before_dots(
    session: Session, messages: Sequence[OutboxMessage], held: Held
) -> list[OutboxMessage]:
    """Records that final dots are about to be sent; returns those that no other attempt has."""
    begun = [message for message in messages if held.get(message.id) in BEFORE_THE_DOT]
    ids = [message.id for message in begun]
    _queue.move_held(session, ids, {}, state=MessageState.DOT_PENDING)
    return begun


def finish(
    session: Session,
    message: OutboxMessage,
    state: MessageState,
    *,
    now: datetime,
    detail: str | None,
    expected: tuple[MessageState, ...] = NOT_ENDED,
    is_relay_trouble: bool = False,
) -> MessageState | None:
    """Records how an attempt ended. Returns the new state, or None if another attempt has it now.

    An uncertain email is deferred unless it is a letter, because it may be repeated. A deferred
    message is rejected after four days, but never for trouble with the relay, and not before it was
    tried often enough (`_is_given_up`). `expected` are the states that the message
    may have now.
    """
    is_letter = message.kind is MessageKind.LETTER
    if state is MessageState.UNCERTAIN and not is_letter:
        state = MessageState.DEFERRED
    is_put_off = state is MessageState.DEFERRED
    if is_put_off and not is_relay_trouble and _is_given_up(session, message, now):
        state = MessageState.REJECTED
    values: dict[str, Any] = {"state": state, "detail": detail, "finished_at": now}
    if state is MessageState.DEFERRED:
        # `relays` decides when a relay in trouble is tried again, not the message.
        attempt = 1 if is_relay_trouble else message.attempt
        values |= {"finished_at": None, "due_at": now + wait_after(attempt, detail=detail)}
    return state if _queue.move(session, message, *expected, **values) else None


def accept_many(
    session: Session, accepted: Sequence[tuple[OutboxMessage, str]], *, now: datetime
) -> None:
    """Records that messages were accepted, with what the server said, in one statement.

    It is for emails to supporters, whose delivery has no further effects. It skips messages that
    another attempt has now.
    """
    values = {"state": MessageState.ACCEPTED, "finished_at": now}
    rows = [(message, values | {"detail": detail}) for message, detail in accepted]
    _queue.move_many(session, rows, *NOT_ENDED)


def accept_letters(
    session: Session, accepted: Sequence[tuple[OutboxMessage, str]], held: Held, *, now: datetime
) -> list[OutboxMessage]:
    """Works like `accept_many`; returns those that no other attempt has, for their effects."""
    ended = [(message, detail) for message, detail in accepted if held.get(message.id) in NOT_ENDED]
    ids, details = [message.id for message, _ in ended], [detail for _, detail in ended]
    state = MessageState.ACCEPTED
    _queue.move_held(session, ids, {"detail": details}, state=state, finished_at=now)
    return [message for message, _ in ended]


def give_back(session: Session, messages: list[OutboxMessage], *, now: datetime) -> None:
    """Queues messages again that were claimed but not attempted, with their old attempt number."""
    _queue.give_back(session, messages, now=now)


def wait_after(
    attempt: int, *, detail: str | None = None, chance: Callable[[], float] = random.random
) -> timedelta:
    """Returns an exponential backoff from a minute to four hours, plus up to a fifth at random.

    A server that defers unknown senders (greylisting) says so in its answer, the `detail`, and
    often for how long: the wait is not shorter than that.
    """
    doublings: int = min(attempt - 1, 16)
    wait = min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)
    return max(wait, _greylisting_wait(detail or "")) * (1 + chance() / 5)


def _greylisting_wait(detail: str) -> timedelta:
    """Returns how long a greylisting server asks us to wait; zero for other answers."""
    if not _GREYLISTED.search(detail):
        return timedelta(0)
    duration = _DURATION.search(detail)
    if duration is None:
        return GREYLISTED_WAIT
    unit = timedelta(minutes=1) if duration["unit"].startswith("m") else timedelta(seconds=1)
    return min(int(duration["number"]) * unit, LONGEST_WAIT)


def release_stale(session: Session, *, now: datetime) -> list[OutboxMessage]:
    """Ends the attempts of workers that died.

    A message is queued again if its dot was not sent. Otherwise its outcome is unknown: an email to
    a supporter is repeated, but a letter to an MP becomes `uncertain`. These letters are returned,
    so that the caller can record their new state.
    """
    stale = _outbox.c.claimed_at < now - LEASE
    pending = sa.and_(stale, _outbox.c.state == MessageState.DOT_PENDING)
    is_letter = _outbox.c.kind == MessageKind.LETTER
    rows = session.connection().execute(sa.select(_outbox).where(pending, is_letter)).mappings()
    letters = [OutboxMessage(**row) for row in rows]
    for message in letters:
        _queue.move(
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


def oldest_due(session: Session, *, now: datetime, with_letters: bool = True) -> timedelta:
    """Returns for how long the oldest due message has been due; zero if none is due."""
    statement = sa.select(sa.func.min(_outbox.c.due_at)).where(_queue.is_due(now))
    if not with_letters:
        statement = statement.where(_outbox.c.kind != MessageKind.LETTER)
    oldest: datetime | None = session.connection().execute(statement).scalar()
    return now - oldest if oldest else timedelta(0)


def counts(session: Session) -> dict[str, int]:
    """Counts messages by state, for metrics. A state without messages has 0."""
    statement = sa.select(_outbox.c.state, sa.func.count()).group_by(_outbox.c.state)
    rows = session.connection().execute(statement)
    return dict.fromkeys(map(str, MessageState), 0) | {str(state): total for state, total in rows}


def _is_given_up(session: Session, message: OutboxMessage, now: datetime) -> bool:
    """Returns whether a message has been answered with 'later' for long enough.

    A message that waited for a worker, or for its paused campaign, has not been tried often enough.
    The four days begin again when an outage of a relay ends, this one's or an earlier one's: the
    message could not be tried meanwhile, and much that waited may meet a limit of the relay's.
    """
    if now - message.created_at <= GIVE_UP_AFTER or message.attempt < FEWEST_ATTEMPTS:
        return False
    outage = relays.last_outage(session)
    return outage is None or now - outage > GIVE_UP_AFTER


def _may_be_sent(session: Session, pace: Pace, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    """Excludes letters of paused campaigns, and in the quiet hours those of all campaigns.

    The demonstration has no quiet hours: an operator who tries it at night wants to see letters.
    """
    campaign, letter, owner = table_of(Campaign), table_of(Letter), table_of(Organisation)
    rests: sa.ColumnElement[bool] = campaign.c.letters_paused_at.is_not(None)
    if pace.is_quiet(now):
        is_real = campaign.c.organisation_id.in_(
            sa.select(owner.c.id).where(~owner.c.is_demonstration)
        )
        rests = sa.or_(rests, is_real)
    resting_ids = list(
        session.connection().execute(sa.select(campaign.c.id).where(rests)).scalars()
    )
    if not resting_ids:
        return ()
    is_of_one = sa.exists().where(
        letter.c.id == _outbox.c.subject_id, letter.c.campaign_id.in_(resting_ids)
    )
    return (sa.or_(_outbox.c.kind != MessageKind.LETTER, ~is_of_one),)


def _sent_today(
    session: Session, mailboxes: set[bytes], now: datetime
) -> dict[bytes, list[datetime]]:
    """Returns by mailbox when its mails of the last day, and those planned later, count."""
    times: dict[bytes, list[datetime]] = {mailbox: [] for mailbox in mailboxes}
    if mailboxes:
        rows = _MAILS_SINCE.rows(session, mailboxes=list(mailboxes), since=now - _DAY)
        for mailbox, created_at in rows:
            times[bytes(mailbox)].append(created_at)
    return times


def _room_at(times: Sequence[datetime], wanted: datetime) -> datetime:
    """Returns the first time from `wanted` on at which fewer than five mails are a day old."""
    newest = sorted(times)[-MAILS_A_DAY:]
    return wanted if len(newest) < MAILS_A_DAY else max(wanted, newest[0] + _DAY)
