"""The events behind a campaign's tally.

They are changes to its motions and to the names on them, and its organisers' overrides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID, uuid5

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import Campaign, CampaignMotion, Member, Motion, MotionEvent
from services.errors import Invalid
from services.parliament import member_overrides
from services.parliament.member_overrides import OverrideEvent
from services.tallies.name_changes import moment_of


class TallyEventKind(StrEnum):
    """What happened: to a motion, to a member's name on it, or to an override on a member.

    The kinds of `OverrideKind` mean that an override began, and those with `_ended` that it ended.
    """

    TABLED = "tabled"
    SIGNED = "signed"
    WITHDRAWN = "withdrawn"
    RESTORED = "restored"
    AMENDED = "amended"
    MOTION_WITHDRAWN = "motion_withdrawn"
    MOTION_RESTORED = "motion_restored"
    LAPSED = "lapsed"
    REFUSES = "refuses"
    REFUSES_ENDED = "refuses_ended"
    PPS = "pps"
    PPS_ENDED = "pps_ended"
    SAYS_WILL_SIGN = "says_will_sign"
    SAYS_WILL_SIGN_ENDED = "says_will_sign_ended"
    SAYS_WILL_NOT = "says_will_not"
    SAYS_WILL_NOT_ENDED = "says_will_not_ended"


@dataclass(frozen=True, slots=True)
class TallyEvent:
    """One event, with the day on which it happened and the time when we first saw it.

    `happened_at` is the moment from which it counts (`name_changes.moment_of`). With `is_estimated`
    only its day is known, and the moment is the beginning of that day; or Parliament gave a moment
    that was still to come, and it is when we first saw it. `motion` is None for an
    override, and `member` for an event of a motion itself. `link` is an override's source.
    """

    id: UUID
    kind: TallyEventKind
    happened_on: date
    happened_at: datetime
    is_estimated: bool
    seen_at: datetime
    member: Member | None
    motion: Motion | None
    link: str | None = None

    @property
    def sort_key(self) -> tuple[datetime, UUID]:
        """The key that orders events; no two events have the same."""
        return (self.seen_at, self.id)


def page(
    session: Session, campaign: Campaign, *, after: UUID | None, limit: int, now: datetime
) -> list[TallyEvent]:
    """Returns a page of events, the last seen first, starting after the event with id `after`.

    They are the events of every motion linked to the campaign, and of its organisers' overrides.
    Raises Invalid where there is no event `after`.

    Pages are ordered by `seen_at` and then by id, so that none skips or repeats an event: many
    events can be seen at one moment, and the id of an override's end is older than the end.
    """
    overrides = of_overrides(session, campaign, now=now)
    before = _sort_key_of(session, campaign, overrides, after) if after else None
    of_motions = _of_motions(session, campaign.id, before=before, limit=limit)
    overrides = [event for event in overrides if before is None or event.sort_key < before]
    events = sorted([*of_motions, *overrides], key=lambda event: event.sort_key, reverse=True)
    return events[:limit]


def of_motion(session: Session, motion: Motion) -> list[TallyEvent]:
    """Returns the events of one motion, in the order in which we saw them."""
    statement = (
        select(MotionEvent, Member)
        .outerjoin(Member, col(Member.id) == MotionEvent.member_id)
        .where(MotionEvent.motion_id == motion.id)
        .order_by(col(MotionEvent.seen_at), col(MotionEvent.id))
    )
    return [_motion_event(event, member, motion) for event, member in session.exec(statement)]


def of_overrides(session: Session, campaign: Campaign, *, now: datetime) -> list[TallyEvent]:
    """Returns when overrides began, and ended by now, in the order in which we saw it."""
    events = member_overrides.history(
        session, organisation_id=campaign.organisation_id, campaign_id=campaign.id
    )
    return sorted(
        (_override_event(event) for event in events if event.seen_at <= now),
        key=lambda event: event.sort_key,
    )


def _of_motions(
    session: Session, campaign_id: UUID, *, before: tuple[datetime, UUID] | None, limit: int
) -> list[TallyEvent]:
    seen_at, event_id = col(MotionEvent.seen_at), col(MotionEvent.id)
    statement = (
        select(MotionEvent, Member, Motion)
        .join(Motion, col(Motion.id) == MotionEvent.motion_id)
        .join(CampaignMotion, col(CampaignMotion.motion_id) == Motion.id)
        .outerjoin(Member, col(Member.id) == MotionEvent.member_id)
        .where(CampaignMotion.campaign_id == campaign_id)
    )
    if before is not None:
        moment, last_id = before
        statement = statement.where(
            sa.or_(seen_at < moment, sa.and_(seen_at == moment, event_id < last_id))
        )
    rows = session.exec(statement.order_by(seen_at.desc(), event_id.desc()).limit(limit))
    return [_motion_event(event, member, motion) for event, member, motion in rows]


def _sort_key_of(
    session: Session, campaign: Campaign, overrides: Sequence[TallyEvent], event_id: UUID
) -> tuple[datetime, UUID]:
    for event in overrides:
        if event.id == event_id:
            return event.sort_key
    statement = (
        select(MotionEvent.seen_at)
        .join(CampaignMotion, col(CampaignMotion.motion_id) == MotionEvent.motion_id)
        .where(MotionEvent.id == event_id, CampaignMotion.campaign_id == campaign.id)
    )
    seen_at = session.exec(statement).first()
    if seen_at is None:
        message = "This cursor is not one that an earlier page gave."
        raise Invalid.field("cursor", "cursor_invalid", message)
    return (seen_at, event_id)


def _motion_event(event: MotionEvent, member: Member | None, motion: Motion) -> TallyEvent:
    return TallyEvent(
        id=event.id,
        kind=TallyEventKind(event.kind.value),
        happened_on=event.happened_on,
        happened_at=moment_of(event.happened_on, event.happened_at, event.seen_at),
        is_estimated=event.happened_at is None or event.happened_at > event.seen_at,
        seen_at=event.seen_at,
        member=member,
        motion=motion,
    )


def _override_event(event: OverrideEvent) -> TallyEvent:
    """Derives the id of an override's end from the override's id, since an end has no row."""
    return TallyEvent(
        id=uuid5(event.override_id, "ended") if event.has_ended else event.override_id,
        kind=TallyEventKind(f"{event.kind.value}_ended" if event.has_ended else event.kind.value),
        happened_on=event.happened_on,
        happened_at=moment_of(event.happened_on, None, event.seen_at),
        is_estimated=True,
        seen_at=event.seen_at,
        member=event.member,
        motion=None,
        link=event.link,
    )
