"""What digests are made from, in four statements for all organisers of an organisation."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from models import (
    Campaign,
    CampaignMotion,
    CampaignStatus,
    Constituency,
    Letter,
    LetterState,
    Member,
    MessageKind,
    MessageState,
    Motion,
    MotionEvent,
    MotionEventKind,
    MotionSignatory,
    Organisation,
    OutboxMessage,
)
from models.base import UtcDateTime
from services.alerts.name_changes import OF_MOTION, OF_NAMES, Event
from services.common import times
from services.mail import outbox
from services.mail.pacing import AT_ONCE, Pace
from services.parliament import seats

_KINDS = (*OF_NAMES, *OF_MOTION)
_WAITING = (MessageState.QUEUED, MessageState.DEFERRED)


@dataclass(frozen=True, slots=True)
class RunningCampaign:
    """An open campaign with its current motion, if it has one.

    `signed` counts the members on the motion, and `signed_in_seats` those of them who hold one of
    the `seats` today. `followed_since` is when we first looked at
    the motion, or linked it, if that was later: earlier names are no news. `letter_due` is when the
    oldest letter that waits was due.
    """

    campaign: Campaign
    motion: Motion | None
    linked_at: datetime | None
    first_look: datetime | None
    signed: int
    signed_in_seats: int
    seats: int
    letter_due: datetime | None

    @property
    def followed_since(self) -> datetime | None:
        """Returns None until the motion is linked and was looked at."""
        if self.linked_at is None or self.first_look is None:
            return None
        return max(self.linked_at, self.first_look)

    @property
    def has_reached_goal(self) -> bool:
        """Returns whether as many MPs have signed as the campaign wants."""
        goal = self.campaign.member_goal
        return goal is not None and self.motion is not None and self.signed >= goal


@dataclass(frozen=True, slots=True)
class Facts:
    """The running campaigns of an organisation, and the events of their motions in their order.

    `mail_late` is for how long the oldest email of the service has been due. `pace` has the quiet
    hours of the organisation's letters.
    """

    campaigns: Sequence[RunningCampaign]
    events: Sequence[Event]
    mail_late: timedelta
    pace: Pace
    now: datetime

    def events_of(self, running: RunningCampaign, since: datetime, until: datetime) -> list[Event]:
        """Returns the events that are news of a campaign: seen after `since`, until `until`."""
        motion, followed = running.motion, running.followed_since
        if motion is None or followed is None:
            return []
        after = max(since, followed)
        return [
            event
            for event in self.events
            if event.motion_id == motion.id and after < event.seen_at <= until
        ]


def of_organisation(
    session: Session,
    organisation_id: UUID,
    *,
    since: datetime,
    until: datetime,
    pace: Pace,
    now: datetime,
) -> Facts:
    """Returns the facts, with the events that were seen after `since`, until `until`."""
    organisation = session.get_one(Organisation, organisation_id)
    running = running_campaigns(session, organisation_id, now=now)
    motion_ids = {each.motion.id for each in running if each.motion}
    return Facts(
        campaigns=running,
        events=_events(session, motion_ids, since, until),
        mail_late=outbox.oldest_due(session, now=now, with_letters=False),
        pace=AT_ONCE if organisation.is_demonstration else pace,
        now=now,
    )


def running_campaigns(
    session: Session, organisation_id: UUID, *, now: datetime
) -> list[RunningCampaign]:
    """Returns the open campaigns of an organisation, the oldest first."""
    values = {"organisation_id": organisation_id, "today": times.today(now)}
    return [RunningCampaign(*row) for row in session.execute(_RUNNING, values)]


def _events(
    session: Session, motion_ids: Collection[int], since: datetime, until: datetime
) -> list[Event]:
    values = {"motions": list(motion_ids), "since": since, "until": until}
    return [Event(*row) for row in session.execute(_EVENTS, values)] if motion_ids else []


def _of_row(value: Any, *conditions: Any) -> sa.ScalarSelect[Any]:
    return sa.select(value).where(*conditions).correlate(Campaign, Motion).scalar_subquery()


_TODAY = sa.bindparam("today", type_=sa.Date())
# Distinct members, because a member can appear twice.
_MEMBERS = sa.func.count(sa.distinct(col(MotionSignatory.member_id)))
_SIGNED = (col(MotionSignatory.motion_id) == Motion.id, ~col(MotionSignatory.is_withdrawn))
_RUNNING = (
    sa.select(
        Campaign,
        Motion,
        col(CampaignMotion.linked_at),
        _of_row(
            sa.func.min(col(MotionEvent.seen_at), type_=UtcDateTime()),
            col(MotionEvent.motion_id) == Motion.id,
        ),
        _of_row(_MEMBERS, *_SIGNED),
        _of_row(_MEMBERS, *_SIGNED, seats.holds_seat(col(MotionSignatory.member_id), _TODAY)),
        sa.select(sa.func.count(col(Constituency.code))).scalar_subquery(),
        _of_row(
            sa.func.min(col(OutboxMessage.due_at), type_=UtcDateTime()),
            col(OutboxMessage.subject_id) == Letter.id,
            col(OutboxMessage.kind) == MessageKind.LETTER,
            col(OutboxMessage.state).in_(_WAITING),
            col(Letter.campaign_id) == Campaign.id,
            col(Letter.state) == LetterState.QUEUED,
        ),
    )
    .select_from(Campaign)
    .outerjoin(
        CampaignMotion,
        sa.and_(col(CampaignMotion.campaign_id) == Campaign.id, col(CampaignMotion.is_current)),
    )
    .outerjoin(Motion, col(Motion.id) == CampaignMotion.motion_id)
    .where(
        col(Campaign.organisation_id) == sa.bindparam("organisation_id"),
        col(Campaign.status) == CampaignStatus.OPEN,
    )
    .order_by(col(Campaign.id))
)
_earlier = aliased(MotionEvent)
_EVENTS = (
    sa.select(
        col(MotionEvent.motion_id),
        col(MotionEvent.kind),
        col(MotionEvent.happened_on),
        col(MotionEvent.seen_at),
        col(MotionEvent.member_id),
        col(Member.name),
        sa.exists().where(
            col(_earlier.motion_id) == MotionEvent.motion_id,
            col(_earlier.member_id) == MotionEvent.member_id,
            col(_earlier.kind) == MotionEventKind.SIGNED,
            col(_earlier.seen_at) < MotionEvent.seen_at,
        ),
    )
    .outerjoin(Member, col(Member.id) == MotionEvent.member_id)
    .where(
        col(MotionEvent.motion_id).in_(sa.bindparam("motions", expanding=True)),
        col(MotionEvent.kind).in_(_KINDS),
        col(MotionEvent.seen_at) > sa.bindparam("since", type_=UtcDateTime()),
        col(MotionEvent.seen_at) <= sa.bindparam("until", type_=UtcDateTime()),
    )
    .order_by(col(MotionEvent.seen_at), col(MotionEvent.id))
)
