"""Settling uncertain letters by what their relay's log says, many at once.

A letter that the log shows as taken was sent. One that it does not show was not, if the log covers
the whole of its attempt: only then it goes again. Whether a log is whole is held against the mails
that the relay is known to have taken in the same time: if it lacks one of those, it may lack any.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import Keyring, Letter, LetterState, MessageState, OutboxMessage
from models.base import table_of
from services.errors import Invalid
from services.letters import letter_queue, letter_states, send_times
from services.mail import outbox
from services.mail.pacing import Pace
from services.mail.relay_logs import RelayLog
from services.webhooks.events import LetterFact

# A relay waits some five minutes for a client that is silent, and for a filter of its own; and its
# clock may differ from ours.
MARGIN = timedelta(minutes=10)
# Enough to find a hole, and no more than fits into memory.
MOST_WITNESSES = 50_000
_letter, _outbox = table_of(Letter), table_of(OutboxMessage)


@dataclass(frozen=True, slots=True)
class Span:
    """The time that a log covers whole. An attempt lies in it if its margins do."""

    since: datetime
    until: datetime
    margin: timedelta = MARGIN

    @classmethod
    def checked(cls, since: datetime, until: datetime, *, now: datetime) -> "Span":
        """Invalid where it is none, or not over yet: nobody has a log of what is to come."""
        if since >= until:
            message = "The time that the log covers ends before it begins."
            raise Invalid.field("complete_until", "span_malformed", message)
        if until > now:
            message = "The time that the log covers is not over yet."
            raise Invalid.field("complete_until", "span_not_over", message)
        return cls(since, until)

    def holds(self, began: datetime | None, ended: datetime | None) -> bool:
        """Whether an attempt lies in it."""
        return (
            began is not None
            and ended is not None
            and self.since <= began - self.margin
            and ended + self.margin <= self.until
        )


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask a log: which uncertain mails it knows, and whether it knows the `witnesses`, of
    which we know that the relay took them while the log was kept."""

    span: Span | None
    uncertain: frozenset[UUID]
    witnesses: frozenset[UUID]

    @property
    def wanted(self) -> frozenset[UUID]:
        """All ids to look for."""
        return self.uncertain | self.witnesses


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of the uncertain letters. `missing`: witnesses that the log lacks; with one, or
    where it knows no mail of ours at all, it is not whole, and nothing goes again."""

    sent: int = 0
    again: int = 0
    uncertain: int = 0
    missing: int = 0
    is_whole: bool = True


def question(session: Session, *, span: Span | None) -> Question:
    """What to look for in a log. The ids are the outbox's, which stand in the Message-IDs."""
    uncertain = frozenset(row.message_id for row in _uncertain(session, for_update=False))
    return Question(span, uncertain, _witnesses(session, span) if span else frozenset())


def settle(
    session: Session,
    asked: Question,
    log: RelayLog,
    *,
    pace: Pace,
    keyring: Keyring,
    now: datetime,
    is_dry: bool = False,
) -> Settled:
    """Settle what the log lets us, for all organisations; with `is_dry` only tell what would be.

    Invalid where it shows no mail that was taken: it is no log of a relay, and its silence would
    say nothing. Again, or twice at once: nothing is counted or sent a second time.
    """
    if not log.acceptances:
        message = "No line here says that a relay took a mail."
        raise Invalid.field("log", "log_unknown", message)
    missing = len(asked.witnesses - log.taken)
    rows = [
        row
        for row in _uncertain(session, for_update=not is_dry)
        if row.message_id in asked.uncertain
    ]
    sent = [row for row in rows if row.message_id in log.taken]
    is_whole = log.knows_us and not missing
    again = [row for row in rows if is_whole and _did_not_go(row, asked, log)]
    if not is_dry:
        _mark_sent(session, sent, keyring, now)
        _send_again(session, again, pace, now)
    return Settled(len(sent), len(again), len(rows) - len(sent) - len(again), missing, is_whole)


def _did_not_go(row: Any, asked: Question, log: RelayLog) -> bool:
    return (
        asked.span is not None
        and asked.span.holds(row.claimed_at, row.finished_at)
        and row.message_id not in log.taken | log.doubtful
    )


def _uncertain(session: Session, *, for_update: bool) -> Sequence[Any]:
    """Locked, so that of two who settle at once the second finds nothing left."""
    statement = (
        sa.select(
            _letter.c.id.label("letter_id"),
            _letter.c.campaign_id,
            _letter.c.motion_id,
            _letter.c.constituency_code,
            _letter.c.member_id,
            _outbox.c.id.label("message_id"),
            _outbox.c.claimed_at,
            _outbox.c.finished_at,
        )
        .join(_outbox, letter_queue.is_message_of_letter())
        .where(_letter.c.state == LetterState.UNCERTAIN, _outbox.c.state == MessageState.UNCERTAIN)
        .order_by(_letter.c.id)
    )
    if for_update:
        statement = statement.with_for_update(of=_letter)
    return session.connection().execute(statement).all()


def _witnesses(session: Session, span: Span) -> frozenset[UUID]:
    """Mails of every kind that the relay took in the span, by its own answer; the newest ones."""
    statement = (
        sa.select(_outbox.c.id)
        .where(
            _outbox.c.state == MessageState.ACCEPTED,
            _outbox.c.claimed_at >= span.since + span.margin,
            _outbox.c.finished_at <= span.until - span.margin,
            # Somebody's word, and no answer of the relay's.
            sa.func.coalesce(_outbox.c.detail, "") != outbox.BY_HAND,
        )
        .order_by(_outbox.c.finished_at.desc())
        .limit(MOST_WITNESSES)
    )
    return frozenset(session.connection().execute(statement).scalars())


def _mark_sent(session: Session, rows: Sequence[Any], keyring: Keyring, now: datetime) -> None:
    """They were sent when their attempts ended."""
    if not rows:
        return
    session.connection().execute(
        sa.update(_outbox)
        .where(_outbox.c.id == sa.bindparam("message"))
        .values(state=MessageState.ACCEPTED, detail=outbox.BY_LOG),
        [{"message": row.message_id} for row in rows],
    )
    facts = [
        LetterFact(
            row.letter_id, row.campaign_id, row.motion_id, row.member_id, row.constituency_code
        )
        for row in rows
    ]
    times = [row.finished_at or now for row in rows]
    sent = list(zip(facts, times, strict=True))
    letter_states.mark_many_sent(session, sent, keyring=keyring, now=now)


def _send_again(session: Session, rows: Sequence[Any], pace: Pace, now: datetime) -> None:
    """Each gets a new time by the campaign's pace, so that they are not all sent at once."""
    by_campaign: dict[UUID, list[Any]] = defaultdict(list)
    for row in rows:
        by_campaign[row.campaign_id].append(row)
    for campaign_id, letters in sorted(by_campaign.items()):
        members = [row.member_id for row in letters]
        due = send_times.reserve(session, campaign_id, members, pace=pace, now=now)
        letter_queue.requeue(session, [row.message_id for row in letters], due, now=now)
    letter_states.requeue_many(session, [row.letter_id for row in rows])
