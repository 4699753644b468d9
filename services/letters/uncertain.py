"""Settles uncertain letters from the log of their relay, many at once.

A letter that the log shows as accepted was sent. A letter that it does not show was not sent, if
the log covers the whole attempt: only then the letter is sent again. To test that the log is
complete, we look for the emails that the relay is known to have accepted in the same period: if it
lacks one of those, it may lack any.
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

# A relay waits about five minutes for a silent client or for its own filter, and its clock may
# differ from ours.
MARGIN = timedelta(minutes=10)
# Enough to find a gap in a log, and few enough to fit into memory.
MOST_KNOWN = 50_000
_letter, _outbox = table_of(Letter), table_of(OutboxMessage)


@dataclass(frozen=True, slots=True)
class LogPeriod:
    """The period that a log covers completely. An attempt must lie in it with this margin."""

    since: datetime
    until: datetime
    margin: timedelta = MARGIN

    @classmethod
    def checked(cls, since: datetime, until: datetime, *, now: datetime) -> "LogPeriod":
        """Raises Invalid if it ends before it begins, or in the future, which no log covers."""
        if since >= until:
            message = "The time that the log covers ends before it begins."
            raise Invalid.field("complete_until", "span_malformed", message)
        if until > now:
            message = "The time that the log covers is not over yet."
            raise Invalid.field("complete_until", "span_not_over", message)
        return cls(since, until)

    def covers(self, began: datetime | None, ended: datetime | None) -> bool:
        """True if an attempt lies in the period."""
        return (
            began is not None
            and ended is not None
            and self.since <= began - self.margin
            and ended + self.margin <= self.until
        )


@dataclass(frozen=True, slots=True)
class LogQuery:
    """The ids to look for in a log.

    `uncertain` are those of uncertain letters. `known` are those of emails that the relay said it
    accepted within the period: a complete log has them all.
    """

    period: LogPeriod | None
    uncertain: frozenset[UUID]
    known: frozenset[UUID]

    @property
    def wanted(self) -> frozenset[UUID]:
        """Returns all ids to look for."""
        return self.uncertain | self.known


@dataclass(frozen=True, slots=True)
class SettlementResult:
    """How many letters were found to be sent, are sent again, or are still uncertain.

    `missing` counts known emails that the log lacks. If there is one, or if the log has no email of
    ours at all, the log is not complete (`is_whole`) and no letter is sent again.
    """

    sent: int = 0
    again: int = 0
    uncertain: int = 0
    missing: int = 0
    is_whole: bool = True


def log_query(session: Session, *, period: LogPeriod | None) -> LogQuery:
    """Returns what to look for in a log. The ids are of outbox rows: a Message-ID contains one.

    Without a period no letter is sent again.
    """
    uncertain = frozenset(row.message_id for row in _uncertain(session, for_update=False))
    return LogQuery(period, uncertain, _known(session, period) if period else frozenset())


def settle(
    session: Session,
    query: LogQuery,
    log: RelayLog,
    *,
    pace: Pace,
    keyring: Keyring,
    now: datetime,
    is_dry: bool = False,
) -> SettlementResult:
    """Settles letters of all organisations as far as the log allows; `is_dry` changes nothing.

    Invalid if the log shows no accepted email: it is not the log of a relay, and the lack of a
    letter in it proves nothing. Repeated or concurrent calls count and send no letter twice.
    """
    if not log.acceptances:
        message = "No line here says that a relay took a mail."
        raise Invalid.field("log", "log_unknown", message)
    missing = len(query.known - log.taken)
    rows = [
        row
        for row in _uncertain(session, for_update=not is_dry)
        if row.message_id in query.uncertain
    ]
    sent = [row for row in rows if row.message_id in log.taken]
    is_whole = log.knows_us and not missing
    again = [row for row in rows if is_whole and _was_not_sent(row, query, log)]
    if not is_dry:
        _mark_sent(session, sent, keyring, now)
        _send_again(session, again, pace, now)
    return SettlementResult(
        sent=len(sent),
        again=len(again),
        uncertain=len(rows) - len(sent) - len(again),
        missing=missing,
        is_whole=is_whole,
    )


def _was_not_sent(row: Any, query: LogQuery, log: RelayLog) -> bool:
    return (
        query.period is not None
        and query.period.covers(row.claimed_at, row.finished_at)
        and row.message_id not in log.taken | log.doubtful
    )


def _uncertain(session: Session, *, for_update: bool) -> Sequence[Any]:
    """Reads the uncertain letters; the lock leaves none to a concurrent call."""
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


def _known(session: Session, period: LogPeriod) -> frozenset[UUID]:
    """Returns the newest emails of every kind that the relay said it accepted in the period."""
    statement = (
        sa.select(_outbox.c.id)
        .where(
            _outbox.c.state == MessageState.ACCEPTED,
            _outbox.c.claimed_at >= period.since + period.margin,
            _outbox.c.finished_at <= period.until - period.margin,
            # An organiser said so, not the relay.
            sa.func.coalesce(_outbox.c.detail, "") != outbox.BY_HAND,
        )
        .order_by(_outbox.c.finished_at.desc())
        .limit(MOST_KNOWN)
    )
    return frozenset(session.connection().execute(statement).scalars())


def _mark_sent(session: Session, rows: Sequence[Any], keyring: Keyring, now: datetime) -> None:
    """The time of sending is the end of the attempt."""
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
