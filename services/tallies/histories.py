"""The history of a campaign: its signatories, signatures and letters over time, and its events."""

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
_CHANGES = {
    TallyEventKind.SIGNED: 1,
    TallyEventKind.RESTORED: 1,
    TallyEventKind.WITHDRAWN: -1,
}
_Change = tuple[datetime, int]  # when a total changed, and by how much
_RunningTotal = tuple[list[datetime], list[int]]  # moments in order, and the total from each on


class Interval(StrEnum):
    """The interval between two points. Days and weeks begin at midnight in London."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"


@dataclass(frozen=True, slots=True)
class Point:
    """The totals at one moment."""

    at: datetime
    signatories: int
    signatures: int
    letters_sent: int


@dataclass(frozen=True, slots=True)
class History:
    """Points in order of time, and the events between the first and the last, in order of
    `seen_at`. They are events of the current motion, and overrides by organisers."""

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
    """Returns the history from `begins` to `ends`, both included.

    The defaults are when the campaign was created, and `now`; `ends` is never later than `now`. A
    name on the motion counts from the day that Parliament gives, which can be before we first saw
    it. Raises Invalid where `begins` is after `ends`, or where there would be more than 1,000
    points.
    """
    begins, ends = begins or campaign.created_at, min(ends or now, now)
    moments = _moments(begins, ends, every)
    motion = campaigns.motion_of(session, campaign.id)
    events = tally_events.of_motion(session, motion) if motion else []
    names = _running_total(_name_changes(events))
    signatures = _running_total(_signature_changes(session, campaign.id, now))
    letters = _running_total([(sent_at, 1) for sent_at in _letter_times(session, campaign.id)])
    points = tuple(
        Point(
            at=moment,
            signatories=_total_at(names, moment),
            signatures=_total_at(signatures, moment),
            letters_sent=_total_at(letters, moment),
        )
        for moment in moments
    )
    events += tally_events.of_overrides(session, campaign, now=now)
    shown = [event for event in events if begins <= event.seen_at <= ends]
    return History(every, points, tuple(sorted(shown, key=lambda event: event.sort_key)))


def _moments(begins: datetime, ends: datetime, every: Interval) -> list[datetime]:
    if begins > ends:
        raise Invalid.field("from", "from_after_to", "'from' must be before 'to'.")
    message = f"At most {MOST_POINTS:,} points: take a shorter span or longer steps."
    too_many = Invalid.field("every", "too_many_points", message)
    # Checked before the loop, which cannot convert the first days of year 1 to London time.
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


def _name_changes(events: Sequence[TallyEvent]) -> list[_Change]:
    """Leaves out names that were withdrawn before we first saw the motion: they never counted."""
    signed = {_member_id(event) for event in events if event.kind is TallyEventKind.SIGNED}
    return [
        (_counts_from(event), _CHANGES[event.kind])
        for event in events
        if event.kind in _CHANGES and _member_id(event) in signed
    ]


def _member_id(event: TallyEvent) -> int | None:
    return event.member.id if event.member else None


def _counts_from(event: TallyEvent) -> datetime:
    return min(_midnight(event.happened_on), event.seen_at)


def _signature_changes(session: Session, campaign_id: UUID, now: datetime) -> list[_Change]:
    """Counts an hour's signatures from its end, or from now, since only the hour is stored."""
    statement = (
        select(PetitionHour)
        .join(Petition, col(Petition.id) == PetitionHour.petition_id)
        .where(Petition.campaign_id == campaign_id)
    )
    an_hour = timedelta(hours=1)
    return [(min(row.hour + an_hour, now), row.change) for row in session.exec(statement)]


def _letter_times(session: Session, campaign_id: UUID) -> list[datetime]:
    statement = select(Letter.sent_at).where(
        Letter.campaign_id == campaign_id, Letter.state == LetterState.SENT
    )
    return [moment for moment in session.exec(statement) if moment is not None]


def _running_total(changes: list[_Change]) -> _RunningTotal:
    ordered = sorted(changes, key=lambda change: change[0])
    return [moment for moment, _ in ordered], list(accumulate(step for _, step in ordered))


def _total_at(running_total: _RunningTotal, moment: datetime) -> int:
    moments, totals = running_total
    count = bisect_right(moments, moment)
    return totals[count - 1] if count else 0
