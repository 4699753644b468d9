"""How a campaign grew: signatories, signatures and letters over time, and what happened."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from itertools import accumulate
from uuid import UUID

from sqlmodel import Session, col, select

from models import Campaign, Letter, LetterState, Petition, PetitionHour
from services.campaigns import campaigns
from services.common.times import LONDON
from services.errors import Invalid
from services.tallies import tally_events
from services.tallies.tally_events import TallyEvent, TallyEventKind

MOST_POINTS = 1000
_STEPS = {
    TallyEventKind.SIGNED: 1,
    TallyEventKind.RESTORED: 1,
    TallyEventKind.WITHDRAWN: -1,
}


class Interval(StrEnum):
    """The distance between two points. Days and weeks begin at midnight in London."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"


@dataclass(frozen=True, slots=True)
class Point:
    """All that there was at a moment."""

    at: datetime
    signatories: int
    signatures: int
    letters_sent: int


@dataclass(frozen=True, slots=True)
class History:
    """Points in the order of time, and what happened in the same span, in the order of seeing: the
    events of the current motion, and what organisers noted."""

    every: Interval
    points: tuple[Point, ...]
    events: tuple[TallyEvent, ...]


def of_campaign(
    session: Session,
    campaign: Campaign,
    *,
    begins: datetime | None,
    ends: datetime | None,
    every: Interval,
    now: datetime,
) -> History:
    """From the campaign's first day until now, unless told otherwise; both ends are in it.

    A name under the motion counts from the day that Parliament gives, which can be before we
    first saw it. Invalid where there would be more than 1,000 points.
    """
    begins, ends = begins or campaign.created_at, min(ends or now, now)
    moments = _moments(begins, ends, every)
    motion = campaigns.motion_of(session, campaign.id)
    events = tally_events.of_motion(session, motion) if motion else []
    names = _running(_steps(events))
    signatures = _running(_hours(session, campaign.id, now))
    letters = _running([(moment, 1) for moment in _letters(session, campaign.id)])
    points = tuple(
        Point(moment, _at(names, moment), _at(signatures, moment), _at(letters, moment))
        for moment in moments
    )
    events += tally_events.of_overrides(session, campaign, now=now)
    within = [event for event in events if begins <= event.seen_at <= ends]
    return History(every, points, tuple(sorted(within, key=lambda event: event.place)))


def _moments(begins: datetime, ends: datetime, every: Interval) -> list[datetime]:
    if begins > ends:
        raise Invalid.field("from", "from_after_to", "'from' must be before 'to'.")
    message = f"At most {MOST_POINTS:,} points: take a shorter span or longer steps."
    too_many = Invalid.field("every", "too_many_points", message)
    # The first years that a date can have are none in London.
    if ends - begins > timedelta(weeks=MOST_POINTS):
        raise too_many
    moments, moment = [], begins
    while moment < ends:
        moments.append(moment)
        if len(moments) > MOST_POINTS:
            raise too_many
        moment = _next(moment, every)
    return [*moments, ends]


def _next(moment: datetime, every: Interval) -> datetime:
    if every is Interval.HOUR:
        return moment.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    day = moment.astimezone(LONDON).date()
    days = 1 if every is Interval.DAY else 7 - day.weekday()
    return _midnight(day + timedelta(days=days)).astimezone(moment.tzinfo)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), LONDON)


def _moment(event: TallyEvent) -> datetime:
    return min(_midnight(event.happened_on), event.seen_at)


def _steps(events: Sequence[TallyEvent]) -> list[tuple[datetime, int]]:
    """A name that had come off before we first looked never counted."""
    signed = {_member_id(event) for event in events if event.kind is TallyEventKind.SIGNED}
    return [
        (_moment(event), _STEPS[event.kind])
        for event in events
        if event.kind in _STEPS and _member_id(event) in signed
    ]


def _member_id(event: TallyEvent) -> int | None:
    return event.member.id if event.member else None


def _hours(session: Session, campaign_id: UUID, now: datetime) -> list[tuple[datetime, int]]:
    """An hour's signatures count from its end, or from now: they were not there when it began."""
    statement = (
        select(PetitionHour)
        .join(Petition, col(Petition.id) == PetitionHour.petition_id)
        .where(Petition.campaign_id == campaign_id)
    )
    an_hour = timedelta(hours=1)
    return [(min(row.hour + an_hour, now), row.change) for row in session.exec(statement)]


def _letters(session: Session, campaign_id: UUID) -> list[datetime]:
    statement = select(Letter.sent_at).where(
        Letter.campaign_id == campaign_id, Letter.state == LetterState.SENT
    )
    return [moment for moment in session.exec(statement) if moment is not None]


_Running = tuple[list[datetime], list[int]]


def _running(steps: list[tuple[datetime, int]]) -> _Running:
    ordered = sorted(steps, key=lambda step: step[0])
    return [moment for moment, _ in ordered], list(accumulate(change for _, change in ordered))


def _at(running: _Running, moment: datetime) -> int:
    place = bisect_right(running[0], moment)
    return running[1][place - 1] if place else 0
