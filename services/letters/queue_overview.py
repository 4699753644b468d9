"""A campaign's post as an organiser sees it on a page: whether it flows, and what lies where."""

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

# A worker takes what is due within a second, unless it is busy.
LATE_AFTER = timedelta(minutes=10)


class QueueFlow(StrEnum):
    """Whether post flows. `resting`: the mail server is left alone for a while. `late`: letters are
    due, and nothing takes them."""

    PAUSED = "paused"
    EMPTY = "empty"
    QUIET = "quiet"
    RESTING = "resting"
    LATE = "late"
    PUT_OFF = "put_off"
    FLOWING = "flowing"


class LetterPile(StrEnum):
    """Where a letter lies, for an organiser: `put_off` and `bounced` are no states of their own."""

    UNCONFIRMED = "unconfirmed"
    WAITING = "waiting"
    PUT_OFF = "put_off"
    SENT = "sent"
    HELD = "held"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    BOUNCED = "bounced"
    UNCERTAIN = "uncertain"


_PILES = {
    LetterState.PENDING: LetterPile.UNCONFIRMED,
    LetterState.QUEUED: LetterPile.WAITING,
    LetterState.SENT: LetterPile.SENT,
    LetterState.HELD: LetterPile.HELD,
    LetterState.CANCELLED: LetterPile.CANCELLED,
    LetterState.REJECTED: LetterPile.REFUSED,
    LetterState.UNCERTAIN: LetterPile.UNCERTAIN,
}
_STATES = {pile: state for state, pile in _PILES.items()} | {
    LetterPile.PUT_OFF: LetterState.QUEUED,
    LetterPile.BOUNCED: LetterState.REJECTED,
}


@dataclass(frozen=True, slots=True)
class QueueOverview:
    """What to know within three seconds. `next_at` and `opens_at` (the end of the quiet hours) are
    None where nothing waits, or the post is paused."""

    flow: QueueFlow
    view: QueueView
    relay: RelayView
    piles: dict[LetterPile, int]
    next_at: datetime | None
    opens_at: datetime | None

    @property
    def waiting(self) -> int:
        """All that wait, those that were put off too."""
        return self.view.counts[LetterState.QUEUED]


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """Of one campaign, for the list of all."""

    waiting: int = 0
    uncertain: int = 0
    refused: int = 0
    bounced: int = 0
    is_paused: bool = False


def glance(
    session: Session, campaign: Campaign, *, relay: str, pace: Pace, now: datetime
) -> QueueOverview:
    """How a campaign's post stands; `relay` is the name of the mail server that takes it."""
    view = letter_queue.view(session, campaign)
    server = relays.view(session, relay, now=now)
    kept = send_times.pace_of(session, campaign, pace)
    opens_at = kept.quiet.next_open(now) if kept.is_quiet(now) and view.next_at else None
    not_before = [moment for moment in (opens_at, server.resting_until) if moment]
    next_at = max([view.next_at, *not_before]) if view.next_at else None
    piles = {pile: view.counts[state] for state, pile in _PILES.items()}
    piles |= {LetterPile.PUT_OFF: view.deferred, LetterPile.BOUNCED: view.bounced}
    piles[LetterPile.WAITING] -= view.deferred
    piles[LetterPile.REFUSED] -= view.bounced
    return QueueOverview(_flow(view, server, kept, now), view, server, piles, next_at, opens_at)


def figures(session: Session, campaigns: Sequence[Campaign]) -> dict[UUID, QueueCounts]:
    """Of several campaigns, in one statement."""
    ids = [campaign.id for campaign in campaigns]
    statement = (
        select(Letter.campaign_id, Letter.state, func.count(), func.count(col(Letter.bounced_at)))
        .where(col(Letter.campaign_id).in_(ids))
        .group_by(col(Letter.campaign_id), col(Letter.state))
    )
    found = {
        (campaign_id, LetterState(state)): (count, bounced)
        for campaign_id, state, count, bounced in session.exec(statement)
    }
    return {campaign.id: _figures(campaign, found) for campaign in campaigns}


def _figures(
    campaign: Campaign, found: dict[tuple[UUID, LetterState], tuple[int, int]]
) -> QueueCounts:
    rejected, bounced = found.get((campaign.id, LetterState.REJECTED), (0, 0))
    return QueueCounts(
        waiting=found.get((campaign.id, LetterState.QUEUED), (0, 0))[0],
        uncertain=found.get((campaign.id, LetterState.UNCERTAIN), (0, 0))[0],
        refused=rejected - bounced,
        bounced=bounced,
        is_paused=campaign.letters_paused_at is not None,
    )


def page(
    session: Session, campaign: Campaign, *, pile: LetterPile | None, after: UUID | None, limit: int
) -> list[QueuedLetter]:
    """Letters of a pile, the newest first, behind the id `after`."""
    return letter_queue.page(
        session,
        campaign,
        state=_STATES[pile] if pile else None,
        after=after,
        limit=limit,
        only=_only(pile),
    )


def one(
    session: Session, letter_id: UUID, *, organisation_id: UUID
) -> tuple[Campaign, QueuedLetter]:
    """One letter of an organisation's, with its campaign; another's is NotFound."""
    statement = (
        select(Campaign, Letter, Member, OutboxMessage)
        .join(Letter, col(Letter.campaign_id) == Campaign.id)
        .join(Member, col(Member.id) == Letter.member_id)
        .outerjoin(OutboxMessage, letter_queue.is_message_of_letter())
        .where(Letter.id == letter_id, Campaign.organisation_id == organisation_id)
    )
    found = session.exec(statement).first()
    if found is None:
        raise NotFound("letter_unknown", "There is no such letter.")
    campaign, letter, member, message = found
    return campaign, QueuedLetter(letter, member, message)


def pile_of(posted: QueuedLetter) -> LetterPile:
    """Where a letter lies."""
    letter, message = posted.letter, posted.message
    if letter.state is LetterState.QUEUED and message and message.state is MessageState.DEFERRED:
        return LetterPile.PUT_OFF
    if letter.state is LetterState.REJECTED and letter.bounced_at:
        return LetterPile.BOUNCED
    return _PILES[letter.state]


def goes_at(posted: QueuedLetter) -> datetime | None:
    """When a letter that waits is to go; None while its post is paused."""
    message = posted.message
    waits = posted.letter.state is LetterState.QUEUED and message is not None
    return message.due_at if message and waits and message.due_at != WHILE_PAUSED else None


def said(posted: QueuedLetter) -> str | None:
    """What the mail server said last of a letter that did not go, or the code of why it is held."""
    if pile_of(posted) is LetterPile.PUT_OFF and posted.message:
        return posted.message.detail
    return posted.letter.reason


def _flow(view: QueueView, server: RelayView, pace: Pace, now: datetime) -> QueueFlow:
    if view.paused_at is not None:
        return QueueFlow.PAUSED
    if view.next_at is None:
        return QueueFlow.EMPTY
    if pace.is_quiet(now):
        return QueueFlow.QUIET
    if server.is_resting:
        return QueueFlow.RESTING
    # What came due in the quiet hours is not late the moment they end.
    if view.next_at < now - LATE_AFTER and not pace.is_quiet(now - LATE_AFTER):
        return QueueFlow.LATE
    is_all_put_off = view.deferred == view.counts[LetterState.QUEUED]
    return QueueFlow.PUT_OFF if is_all_put_off else QueueFlow.FLOWING


def _only(pile: LetterPile | None) -> tuple[Any, ...]:
    is_put_off = col(OutboxMessage.state) == MessageState.DEFERRED
    bounced_at = col(Letter.bounced_at)
    return (
        {
            LetterPile.WAITING: (sa.or_(~is_put_off, col(OutboxMessage.id).is_(None)),),
            LetterPile.PUT_OFF: (is_put_off,),
            LetterPile.REFUSED: (bounced_at.is_(None),),
            LetterPile.BOUNCED: (bounced_at.is_not(None),),
        }.get(pile, ())
        if pile
        else ()
    )
