"""The history of a campaign: its signatories, signatures and letters over time, and its events."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import accumulate
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped
from sqlmodel import Session, col

from models import Campaign, LetterHour, Petition, PetitionHour
from models.base import UtcDateTime
from services.campaigns import campaigns
from services.common.times import LONDON, begin_of_day, end_of_day, today
from services.database.hours import UtcDay, UtcHour
from services.errors import Invalid
from services.tallies import name_changes, tally_events
from services.tallies.name_changes import Change, NameChanges
from services.tallies.tally_events import TallyEvent

MOST_POINTS = 1000
MOST_DAYS = 3660
_RunningTotal = tuple[list[datetime], list[int]]  # moments in order, and the total from each on
_Steps = list[tuple[datetime, int]]  # hours, and by how much each changed a number
_CAMPAIGN: sa.BindParameter[UUID] = sa.bindparam("campaign_id", type_=sa.Uuid)
_SIGNATURE_HOURS: sa.Select[*tuple[Any, ...]] = (
    sa.select(
        sa.literal(False).label("is_letter"),
        col(PetitionHour.hour).label("hour"),
        sa.func.sum(col(PetitionHour.change)).label("step"),
    )
    .join(Petition, col(Petition.id) == PetitionHour.petition_id)
    .where(col(Petition.campaign_id) == _CAMPAIGN)
    .group_by(col(PetitionHour.hour))
)
_LETTER_HOURS: sa.Select[*tuple[Any, ...]] = sa.select(
    sa.literal(True), col(LetterHour.hour), col(LetterHour.sent)
).where(col(LetterHour.campaign_id) == _CAMPAIGN)
_HOURS = sa.union_all(_SIGNATURE_HOURS, _LETTER_HOURS)
_LAST_HOUR = 23
_BEGINS, _ENDS = (sa.bindparam(name, type_=UtcDateTime()) for name in ("begins", "ends"))


def _day_steps(
    is_letter: bool, hour: Mapped[datetime], step: Mapped[int]
) -> sa.Select[*tuple[Any, ...]]:
    """Adds up the hours of each UTC day, the last one apart: in summer it is of London's next."""
    day, is_last = UtcDay(hour), UtcHour(hour) == _LAST_HOUR
    return (
        sa.select(
            sa.literal(is_letter).label("is_letter"),
            day.label("day"),
            is_last.label("is_last"),
            sa.func.sum(step),
        )
        .where(hour >= _BEGINS, hour < _ENDS)
        .group_by(day, is_last)
    )


_DAYS = sa.union_all(
    _day_steps(False, col(PetitionHour.hour), col(PetitionHour.change))
    .join(Petition, col(Petition.id) == PetitionHour.petition_id)
    .where(col(Petition.campaign_id) == _CAMPAIGN),
    _day_steps(True, col(LetterHour.hour), col(LetterHour.sent)).where(
        col(LetterHour.campaign_id) == _CAMPAIGN
    ),
)


class Interval(StrEnum):
    """The interval between two points. Days and weeks begin at midnight in London."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"


_LENGTHS = {
    Interval.HOUR: timedelta(hours=1),
    Interval.DAY: timedelta(days=1),
    Interval.WEEK: timedelta(weeks=1),
}


@dataclass(frozen=True, slots=True)
class Point:
    """The totals at one moment.

    With `is_estimated` a name came on or off at an unknown minute of this day, so that the number
    of signatories may be that of earlier or later in the day.
    """

    at: datetime
    signatories: int
    signatures: int
    letters_sent: int
    is_estimated: bool


@dataclass(frozen=True, slots=True)
class History:
    """Points in order of time, and the events between the first and the last, in order of
    `seen_at`. They are events of the current motion, by `happened_at`, and overrides by organisers,
    by `seen_at`."""

    every: Interval
    points: tuple[Point, ...]
    events: tuple[TallyEvent, ...]


@dataclass(frozen=True, slots=True)
class DailyHistory:
    """A campaign's numbers for each of some days in London, the earliest first.

    `signatories` is the number of names on the motion when the day ended, or now.
    `signatures_a_day` and `letters_a_day` are what each day added; signatures that were removed can
    make a day negative.
    """

    days: tuple[date, ...]
    signatories: tuple[int, ...]
    signatures_a_day: tuple[int, ...]
    letters_a_day: tuple[int, ...]


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

    The default of `begins` is when the campaign was created, the motion was tabled or the first
    name came onto it, whichever was first, but at most 1,000 points ago. That of `ends` is `now`,
    and it is never later. A name on the motion counts from the moment that Parliament gives, which
    can be before we first saw it (`name_changes`). Raises Invalid where `begins` is after `ends`,
    or where there would be more than 1,000 points.
    """
    changes, ends = name_changes.of_campaign(session, campaign.id), min(ends or now, now)
    if begins is None:
        begins = max(_beginning(campaign, changes), ends - (MOST_POINTS - 2) * _LENGTHS[every])
    moments = _moments(begins, ends, every)
    motion = campaigns.motion_of(session, campaign.id)
    events = tally_events.of_motion(session, motion) if motion else []
    names = _running_total(changes.changes)
    of_signatures, of_letters = _hours(session, campaign.id)
    estimates = _running_total(_spans(changes.changes))
    signatures = _running_total(_at_their_ends(of_signatures, now))
    letters = _running_total(_at_their_ends(of_letters, now))
    points = tuple(
        Point(
            at=moment,
            signatories=_total_at(names, moment),
            signatures=_total_at(signatures, moment),
            letters_sent=_total_at(letters, moment),
            is_estimated=_total_at(estimates, moment) > 0,
        )
        for moment in moments
    )
    events += tally_events.of_overrides(session, campaign, now=now)
    shown = [event for event in events if begins <= _shown_at(event) <= ends]
    return History(every, points, tuple(sorted(shown, key=lambda event: event.sort_key)))


def by_day(
    session: Session,
    campaign: Campaign,
    *,
    first: date | None = None,
    last: date | None = None,
    now: datetime,
) -> DailyHistory:
    """Returns the numbers of each day from `first` to `last`, in two statements.

    Without `first` they begin when the campaign was created, the motion was tabled or the first
    name came onto it, whichever was first, but at most ten years ago. `last` is never later than
    today, which comes last without it. Raises Invalid where `first` is after `last` or more than
    ten years before it.
    """
    names = name_changes.of_campaign(session, campaign.id)
    last = min(last or today(now), today(now))
    earliest = date.fromordinal(max(1, last.toordinal() - MOST_DAYS + 1))
    if first is None:
        first = max(min(today(_beginning(campaign, names)), last), earliest)
    if not earliest <= first <= last:
        message = (
            f"The first day must be at most {MOST_DAYS:,} days before the last, and not after."
        )
        raise Invalid.field("from", "bad_days", message)
    days = tuple(first + timedelta(days=place) for place in range((last - first).days + 1))
    totals = _running_total(names.changes)
    signatures, letters = _days(session, campaign.id, days)
    return DailyHistory(
        days=days,
        # What happens at midnight belongs to the day that begins.
        signatories=tuple(
            _total_at(totals, min(end_of_day(day) - timedelta.resolution, now)) for day in days
        ),
        signatures_a_day=signatures,
        letters_a_day=letters,
    )


def _beginning(campaign: Campaign, names: NameChanges) -> datetime:
    return min(campaign.created_at, names.begins_at or campaign.created_at)


def _shown_at(event: TallyEvent) -> datetime:
    return event.happened_at if event.motion else event.seen_at


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
    return begin_of_day(day + timedelta(days=days)).astimezone(moment.tzinfo)


def _at_their_ends(hours: Iterable[tuple[datetime, int]], now: datetime) -> list[Change]:
    """Counts what happened in an hour from its end, or from now, since only the hour is stored."""
    an_hour = timedelta(hours=1)
    return [Change(min(hour + an_hour, now), step) for hour, step in hours]


def _spans(changes: Iterable[Change]) -> list[Change]:
    """Returns the beginnings and ends of the times within which changes came that have only a
    day."""
    found: list[Change] = []
    for change in changes:
        if change.until is not None and change.at < change.until:
            found += [Change(change.at, 1), Change(change.until, -1)]
    return found


def _hours(session: Session, campaign_id: UUID) -> tuple[_Steps, _Steps]:
    """Returns the hours that changed the numbers of signatures and of letters, and by how much.

    Both come in one statement.
    """
    found = session.connection().execute(_HOURS, {"campaign_id": campaign_id}).all()
    signatures = [(hour, int(step)) for is_letter, hour, step in found if not is_letter]
    letters = [(hour, int(step)) for is_letter, hour, step in found if is_letter]
    return signatures, letters


def _days(
    session: Session, campaign_id: UUID, days: Sequence[date]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Returns the signatures and the letters of each of these days in London, in one statement."""
    signatures, letters = dict.fromkeys(days, 0), dict.fromkeys(days, 0)
    values = {
        "campaign_id": campaign_id,
        "begins": begin_of_day(days[0]),
        "ends": end_of_day(days[-1]),
    }
    for is_letter, utc_day, is_last, step in session.connection().execute(_DAYS, values):
        day = today(datetime.combine(utc_day, time(_LAST_HOUR), UTC)) if is_last else utc_day
        (letters if is_letter else signatures)[day] += int(step)
    return tuple(signatures.values()), tuple(letters.values())


def _running_total(changes: Iterable[Change]) -> _RunningTotal:
    ordered = sorted(changes, key=lambda change: change.at)
    return [change.at for change in ordered], list(accumulate(change.step for change in ordered))


def _total_at(running_total: _RunningTotal, moment: datetime) -> int:
    moments, totals = running_total
    count = bisect_right(moments, moment)
    return totals[count - 1] if count else 0
