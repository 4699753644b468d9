"""What an organiser sees of a campaign's letter queue: whether letters are sent, and their groups.

The groups are finer than the states: `put_off` are queued letters that a mail server deferred, and
`bounced` are rejected letters that a mail server had accepted first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from models import Campaign, Letter, LetterState, Member, MessageState, OutboxMessage
from services.errors import NotFound
from services.letters import letter_queue, send_times
from services.letters.letter_queue import QueuedLetter, QueueView
from services.mail import relays
from services.mail.pacing import WHILE_PAUSED, Pace
from services.mail.relays import RelayView

# A worker claims a letter within a second after it is due, unless the worker is busy.
LATE_AFTER = timedelta(minutes=10)


class QueueFlow(StrEnum):
    """Whether letters are being sent.

    `quiet`: within the quiet hours. `resting`: the mail server failed and is not used for a while.
    `late`: letters are due, and no worker claims them. `put_off`: the mail server deferred all.
    """

    PAUSED = "paused"
    EMPTY = "empty"
    QUIET = "quiet"
    RESTING = "resting"
    LATE = "late"
    PUT_OFF = "put_off"
    FLOWING = "flowing"


class LetterGroup(StrEnum):
    """The groups in which an organiser sees letters."""

    UNCONFIRMED = "unconfirmed"
    WAITING = "waiting"
    PUT_OFF = "put_off"
    SENT = "sent"
    HELD = "held"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    BOUNCED = "bounced"
    UNCERTAIN = "uncertain"


_GROUPS = {
    LetterState.PENDING: LetterGroup.UNCONFIRMED,
    LetterState.QUEUED: LetterGroup.WAITING,
    LetterState.SENT: LetterGroup.SENT,
    LetterState.HELD: LetterGroup.HELD,
    LetterState.CANCELLED: LetterGroup.CANCELLED,
    LetterState.REJECTED: LetterGroup.REFUSED,
    LetterState.UNCERTAIN: LetterGroup.UNCERTAIN,
}
_STATES = {group: state for state, group in _GROUPS.items()} | {
    LetterGroup.PUT_OFF: LetterState.QUEUED,
    LetterGroup.BOUNCED: LetterState.REJECTED,
}


@dataclass(frozen=True, slots=True)
class QueueOverview:
    """The state of a letter queue.

    `next_at` and `opens_at` (the end of the quiet hours) are None if no letters wait or the queue
    is paused.
    """

    flow: QueueFlow
    view: QueueView
    relay: RelayView
    group_counts: dict[LetterGroup, int]
    next_at: datetime | None
    opens_at: datetime | None

    @property
    def waiting(self) -> int:
        """Counts the queued letters, deferred ones included."""
        return self.view.counts[LetterState.QUEUED]


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """The counts of one campaign, for the list of campaigns."""

    waiting: int = 0
    uncertain: int = 0
    refused: int = 0
    bounced: int = 0
    is_paused: bool = False


def overview(
    session: Session, campaign: Campaign, *, relay: str, pace: Pace, now: datetime
) -> QueueOverview:
    """Returns the state of a campaign's letter queue. `relay` names the mail server (`relays`)."""
    view = letter_queue.view(session, campaign)
    server = relays.view(session, relay, now=now)
    pace = send_times.pace_of(session, campaign, pace)
    opens_at = pace.quiet.next_open(now) if pace.is_quiet(now) and view.next_at else None
    not_before = [moment for moment in (opens_at, server.resting_until) if moment]
    next_at = max([view.next_at, *not_before]) if view.next_at else None
    counts = {group: view.counts[state] for state, group in _GROUPS.items()}
    counts |= {LetterGroup.PUT_OFF: view.deferred, LetterGroup.BOUNCED: view.bounced}
    counts[LetterGroup.WAITING] -= view.deferred
    counts[LetterGroup.REFUSED] -= view.bounced
    return QueueOverview(_flow(view, server, pace, now), view, server, counts, next_at, opens_at)


def counts_by_campaign(session: Session, campaigns: Sequence[Campaign]) -> dict[UUID, QueueCounts]:
    """Counts the letters of several campaigns in one statement."""
    ids = [campaign.id for campaign in campaigns]
    statement = (
        select(Letter.campaign_id, Letter.state, func.count(), func.count(col(Letter.bounced_at)))
        .where(col(Letter.campaign_id).in_(ids))
        .group_by(col(Letter.campaign_id), col(Letter.state))
    )
    by_state = {
        (campaign_id, LetterState(state)): (count, bounced)
        for campaign_id, state, count, bounced in session.exec(statement)
    }
    return {campaign.id: _counts_of(campaign, by_state) for campaign in campaigns}


def count_by_state(session: Session) -> dict[str, int]:
    """Counts all letters by state, for metrics. It reads every letter."""
    statement = select(Letter.state, func.count()).group_by(col(Letter.state))
    zeros = dict.fromkeys(map(str, LetterState), 0)
    return zeros | {str(LetterState(state)): total for state, total in session.exec(statement)}


def _counts_of(
    campaign: Campaign, by_state: dict[tuple[UUID, LetterState], tuple[int, int]]
) -> QueueCounts:
    rejected, bounced = by_state.get((campaign.id, LetterState.REJECTED), (0, 0))
    return QueueCounts(
        waiting=by_state.get((campaign.id, LetterState.QUEUED), (0, 0))[0],
        uncertain=by_state.get((campaign.id, LetterState.UNCERTAIN), (0, 0))[0],
        refused=rejected - bounced,
        bounced=bounced,
        is_paused=campaign.letters_paused_at is not None,
    )


def page(
    session: Session,
    campaign: Campaign,
    *,
    group: LetterGroup | None,
    after: UUID | None,
    limit: int,
) -> list[QueuedLetter]:
    """Lists letters of a group, or all, the newest first. `after` is the last id already shown."""
    return letter_queue.page(
        session,
        campaign,
        state=_STATES[group] if group else None,
        after=after,
        limit=limit,
        only=_conditions(group) if group else (),
    )


def campaign_and_letter(
    session: Session, letter_id: UUID, *, organisation_id: UUID
) -> tuple[Campaign, QueuedLetter]:
    """Returns a letter and its campaign. NotFound if it belongs to another organisation."""
    statement = (
        select(Campaign, Letter, Member, OutboxMessage)
        .join(Letter, col(Letter.campaign_id) == Campaign.id)
        .join(Member, col(Member.id) == Letter.member_id)
        .outerjoin(OutboxMessage, letter_queue.is_message_of_letter())
        .where(Letter.id == letter_id, Campaign.organisation_id == organisation_id)
    )
    row = session.exec(statement).first()
    if row is None:
        raise NotFound("letter_unknown", "There is no such letter.")
    campaign, letter, member, message = row
    return campaign, QueuedLetter(letter, member, message)


def group_of(queued: QueuedLetter) -> LetterGroup:
    """Returns the group in which an organiser sees a letter."""
    letter, message = queued.letter, queued.message
    if letter.state is LetterState.QUEUED and message and message.state is MessageState.DEFERRED:
        return LetterGroup.PUT_OFF
    if letter.state is LetterState.REJECTED and letter.bounced_at:
        return LetterGroup.BOUNCED
    return _GROUPS[letter.state]


def goes_at(queued: QueuedLetter) -> datetime | None:
    """Returns when a queued letter is due; None if it is not queued, or its queue is paused."""
    message = queued.message
    waits = queued.letter.state is LetterState.QUEUED and message is not None
    return message.due_at if message and waits and message.due_at != WHILE_PAUSED else None


def reason_of(queued: QueuedLetter) -> str | None:
    """Returns why a letter was not sent: the mail server's last answer, or a code if it is held."""
    if group_of(queued) is LetterGroup.PUT_OFF and queued.message:
        return queued.message.detail
    return queued.letter.reason


def _flow(view: QueueView, server: RelayView, pace: Pace, now: datetime) -> QueueFlow:
    if view.paused_at is not None:
        return QueueFlow.PAUSED
    if view.next_at is None:
        return QueueFlow.EMPTY
    if pace.is_quiet(now):
        return QueueFlow.QUIET
    if server.is_resting:
        return QueueFlow.RESTING
    # A letter that was due in the quiet hours is not late as soon as they end.
    if view.next_at < now - LATE_AFTER and not pace.is_quiet(now - LATE_AFTER):
        return QueueFlow.LATE
    is_all_put_off = view.deferred == view.counts[LetterState.QUEUED]
    return QueueFlow.PUT_OFF if is_all_put_off else QueueFlow.FLOWING


def _conditions(group: LetterGroup) -> tuple[Any, ...]:
    """Returns what distinguishes a group from others of the same state."""
    is_put_off = col(OutboxMessage.state) == MessageState.DEFERRED
    bounced_at = col(Letter.bounced_at)
    return {
        LetterGroup.WAITING: (sa.or_(~is_put_off, col(OutboxMessage.id).is_(None)),),
        LetterGroup.PUT_OFF: (is_put_off,),
        LetterGroup.REFUSED: (bounced_at.is_(None),),
        LetterGroup.BOUNCED: (bounced_at.is_not(None),),
    }.get(group, ())
