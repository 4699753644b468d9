"""What happened on the way to a campaign's tally: to its motions, to the names under them, and
what its organisers noted about members."""

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


class TallyEventKind(StrEnum):
    """Those of `MotionEventKind`, and each of `OverrideKind` with its ending."""

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
    """One thing that happened: on which day, and when we first saw it.

    `motion` is None for what an organiser noted, `member` for what happened to a motion itself.
    `link` is where an organiser's note can be checked.
    """

    id: UUID
    kind: TallyEventKind
    happened_on: date
    seen_at: datetime
    member: Member | None
    motion: Motion | None
    link: str | None = None

    @property
    def place(self) -> tuple[datetime, UUID]:
        """Where it stands in the order: no two events are at one place."""
        return (self.seen_at, self.id)


def page(
    session: Session, campaign: Campaign, *, after: UUID | None, limit: int, now: datetime
) -> list[TallyEvent]:
    """Events of every motion that the campaign is linked to, and of its organisers' notes, the last
    seen first, starting behind the event `after`. Invalid where there is no such event.

    Many events can be seen at one moment, and the id of a note is not made when it ends: so that
    pages neither skip nor repeat, they go by the time of seeing and then by the id.
    """
    noted = of_overrides(session, campaign, now=now)
    last = _place_of(session, campaign, noted, after) if after else None
    happened = _of_motions(session, campaign.id, before=last, limit=limit)
    noted = [event for event in noted if last is None or event.place < last]
    in_order = sorted([*happened, *noted], key=lambda event: event.place, reverse=True)
    return in_order[:limit]


def of_motion(session: Session, motion: Motion) -> list[TallyEvent]:
    """Everything that happened to one motion, in the order in which we saw it."""
    statement = (
        select(MotionEvent, Member)
        .outerjoin(Member, col(Member.id) == MotionEvent.member_id)
        .where(MotionEvent.motion_id == motion.id)
        .order_by(col(MotionEvent.seen_at), col(MotionEvent.id))
    )
    return [_of_name(event, member, motion) for event, member in session.exec(statement)]


def of_overrides(session: Session, campaign: Campaign, *, now: datetime) -> list[TallyEvent]:
    """What organisers noted, and what of it has ended by now, in the order in which it was seen."""
    told = member_overrides.history(
        session, organisation_id=campaign.organisation_id, campaign_id=campaign.id
    )
    return sorted(
        (_of_override(event) for event in told if event.seen_at <= now),
        key=lambda event: event.place,
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
        moment, last = before
        statement = statement.where(
            sa.or_(seen_at < moment, sa.and_(seen_at == moment, event_id < last))
        )
    found = session.exec(statement.order_by(seen_at.desc(), event_id.desc()).limit(limit))
    return [_of_name(event, member, motion) for event, member, motion in found]


def _place_of(
    session: Session, campaign: Campaign, noted: Sequence[TallyEvent], event_id: UUID
) -> tuple[datetime, UUID]:
    for event in noted:
        if event.id == event_id:
            return event.place
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


def _of_name(event: MotionEvent, member: Member | None, motion: Motion) -> TallyEvent:
    return TallyEvent(
        id=event.id,
        kind=TallyEventKind(event.kind.value),
        happened_on=event.happened_on,
        seen_at=event.seen_at,
        member=member,
        motion=motion,
    )


def _of_override(event: OverrideEvent) -> TallyEvent:
    """An ending has no row of its own, so its id is made from that of the note, always alike."""
    return TallyEvent(
        id=uuid5(event.override_id, "ended") if event.has_ended else event.override_id,
        kind=TallyEventKind(f"{event.kind.value}_ended" if event.has_ended else event.kind.value),
        happened_on=event.happened_on,
        seen_at=event.seen_at,
        member=event.member,
        motion=None,
        link=event.link,
    )
