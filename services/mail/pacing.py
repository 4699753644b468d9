"""Decides when letters to MPs are sent: spread over hours and days, never in the quiet hours.

A campaign can limit the letters per hour, and per member and day (in London). The table
`letter_pace` counts the reserved slots of each hour and day, so that a free slot is found without
counting letters. Slots are spread evenly, each moved at random within its share, so that letters do
not arrive in a regular rhythm. A letter whose slot has passed is due at once, so that a single
letter does not wait.
"""

import random
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, select

from models import Campaign
from models.base import table_of
from models.letter import LetterPace
from services.common.times import LONDON
from services.database.engine import increment

ALL = 0  # the member id of slots that count for all members: those of an hour
HOUR = timedelta(hours=1)
# It stands for 'never', and both databases can store it.
WHILE_PAUSED = datetime(9999, 1, 1, tzinfo=UTC)
_pace = table_of(LetterPace)

Chance = Callable[[], float]
"""Returns a random number from 0 up to, but not including, 1."""


@dataclass(frozen=True, slots=True)
class QuietHours:
    """No letter is sent from `begins` until `ends`, in London time. Equal times mean no such hours.

    They can include midnight, for example from 22:00 to 07:00.
    """

    begins: time
    ends: time

    @classmethod
    def from_text(cls, text: str) -> "QuietHours":
        """Reads '22:00-07:00', or 'off' for none."""
        begins, _, ends = (text if text != "off" else "00:00-00:00").partition("-")
        return cls(time.fromisoformat(begins), time.fromisoformat(ends))

    def next_open(self, moment: datetime) -> datetime:
        """Returns the moment itself, or the end of the quiet hours that it falls into."""
        local = moment.astimezone(LONDON)
        if not self._is_quiet(local.time()):
            return moment
        day = local.date() + timedelta(days=local.time() >= self.ends)
        return datetime.combine(day, self.ends, LONDON).astimezone(UTC)

    def day_of(self, moment: datetime) -> tuple[datetime, datetime]:
        """Returns when sending begins and ends on the London day of a moment."""
        day = moment.astimezone(LONDON).date()
        first = datetime.combine(day, time(), LONDON).astimezone(UTC)
        last = datetime.combine(day + timedelta(days=1), time(), LONDON).astimezone(UTC)
        if self.begins > self.ends:  # they include midnight: letters are sent in between
            return self.next_open(first), datetime.combine(day, self.begins, LONDON).astimezone(UTC)
        return self.next_open(first), last

    def _is_quiet(self, at: time) -> bool:
        if self.begins <= self.ends:
            return self.begins <= at < self.ends
        return at >= self.begins or at < self.ends


@dataclass(frozen=True, slots=True)
class Pace:
    """The quiet hours of the service, which a campaign cannot change. `chance` varies the slots."""

    quiet: QuietHours
    chance: Chance = random.random

    def is_quiet(self, moment: datetime) -> bool:
        """True if no letter may be sent at a moment."""
        return self.quiet.next_open(moment) != moment


AT_ONCE = Pace(QuietHours(time(0), time(0)))


def reserve(
    session: Session,
    campaign: Campaign,
    member_ids: Sequence[int],
    *,
    pace: Pace,
    now: datetime,
) -> list[datetime]:
    """Reserves a slot for a letter to each of these members; returns when they are due, in order.

    They are `WHILE_PAUSED` if the campaign's letters are paused. The campaign's row is locked, so
    that the second of two concurrent calls sees the slots of the first.
    """
    lock(session, campaign)
    if campaign.letters_paused_at is not None:
        return [WHILE_PAUSED] * len(member_ids)
    plan = _LetterPlan(
        per_hour=campaign.letters_per_hour,
        per_day=campaign.letters_per_member_day,
        pace=pace,
        now=now,
        taken=_taken(session, campaign.id, {ALL, *member_ids}, now),
    )
    due = [plan.reserve(member_id) for member_id in member_ids]
    _add(session, campaign.id, plan.added)
    return due


def keep_only(
    session: Session, campaign: Campaign, sent: list[tuple[int, datetime]], *, now: datetime
) -> None:
    """Frees every slot of this day and later, except those of letters that were `sent`.

    `sent` has their members and times. The caller has locked the campaign.
    """
    session.connection().execute(
        sa.delete(_pace).where(
            _pace.c.campaign_id == campaign.id, _pace.c.begins_at >= first_counted(now)
        )
    )
    slots: Counter[_Slot] = Counter()
    if campaign.letters_per_hour is not None:
        slots.update((ALL, _hour_of(moment)) for _, moment in sent)
    if campaign.letters_per_member_day is not None:
        slots.update((member_id, _day_of(moment)) for member_id, moment in sent)
    _add(session, campaign.id, slots)


def first_counted(now: datetime) -> datetime:
    """Returns the beginning of the earliest slot that still counts."""
    return min(_hour_of(now), _day_of(now))


def lock(session: Session, campaign: Campaign) -> None:
    """Locks a campaign and reads its limits again, so that concurrent plans follow each other."""
    statement = select(Campaign).where(Campaign.id == campaign.id).with_for_update()
    session.exec(statement.execution_options(populate_existing=True)).one()


_Slot = tuple[int, datetime]


@dataclass
class _LetterPlan:
    """Finds free slots in memory, so that 20,000 letters are planned with a few statements."""

    per_hour: int | None
    per_day: int | None
    pace: Pace
    now: datetime
    taken: Counter[_Slot]
    added: Counter[_Slot] = field(default_factory=Counter)
    _first_free_hour: datetime = field(init=False)  # every hour before it is full

    def __post_init__(self) -> None:
        self._first_free_hour = self.pace.quiet.next_open(self.now)

    def reserve(self, member_id: int) -> datetime:
        """Reserves and returns the earliest moment within both limits and outside quiet hours."""
        moment = self.pace.quiet.next_open(self.now)
        while True:
            on_day = self._on_free_day(member_id, moment)
            in_hour = self._in_free_hour(on_day)
            moment = self.pace.quiet.next_open(in_hour)
            if moment == in_hour and _day_of(moment) == _day_of(on_day):
                self._take(member_id, moment)
                return moment

    def _on_free_day(self, member_id: int, moment: datetime) -> datetime:
        """Returns the next free slot in the member's daily limit, not before the moment."""
        if self.per_day is None:
            return moment
        while self.taken[member_id, _day_of(moment)] >= self.per_day:
            # A day has 23 to 25 hours.
            moment = self.pace.quiet.next_open(_day_of(_day_of(moment) + 25 * HOUR))
        begins, ends = self.pace.quiet.day_of(moment)
        share = (self.taken[member_id, _day_of(moment)] + self.pace.chance()) / self.per_day
        return max(moment, begins + (ends - begins) * share)

    def _in_free_hour(self, moment: datetime) -> datetime:
        """Returns the next free slot in the hourly limit, not before the moment."""
        if self.per_hour is None:
            return moment
        moment = max(moment, self._first_free_hour)
        begins_at_first = moment == self._first_free_hour
        while self.taken[ALL, _hour_of(moment)] >= self.per_hour:
            moment = self.pace.quiet.next_open(_hour_of(moment) + HOUR)
        if begins_at_first:
            self._first_free_hour = moment
        share = (self.taken[ALL, _hour_of(moment)] + self.pace.chance()) / self.per_hour
        return max(moment, _hour_of(moment) + HOUR * share)

    def _take(self, member_id: int, moment: datetime) -> None:
        slots = []
        if self.per_hour is not None:
            slots.append((ALL, _hour_of(moment)))
        if self.per_day is not None:
            slots.append((member_id, _day_of(moment)))
        self.taken.update(slots)
        self.added.update(slots)


def _add(session: Session, campaign_id: UUID, slots: Counter[_Slot]) -> None:
    rows = [
        {
            "campaign_id": campaign_id,
            "member_id": member_id,
            "begins_at": begins_at,
            "reserved": count,
        }
        for (member_id, begins_at), count in sorted(slots.items())
    ]
    increment(session, _pace, rows, key=["campaign_id", "member_id", "begins_at"])


def _taken(
    session: Session, campaign_id: UUID, member_ids: Collection[int], now: datetime
) -> Counter[_Slot]:
    statement = sa.select(_pace.c.member_id, _pace.c.begins_at, _pace.c.reserved).where(
        _pace.c.campaign_id == campaign_id,
        _pace.c.member_id.in_(member_ids),
        _pace.c.begins_at >= first_counted(now),
    )
    rows = session.connection().execute(statement)
    return Counter({(member_id, begins_at): count for member_id, begins_at, count in rows})


def _hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _day_of(moment: datetime) -> datetime:
    """Returns the midnight in London at which the moment's day began."""
    day = moment.astimezone(LONDON).date()
    return datetime.combine(day, time(), LONDON).astimezone(UTC)
