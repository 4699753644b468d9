"""The axis of days that charts share: the names of some days, and numbered marks of events."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

from web.base.charts.labels import MIDDLE, NARROWEST, Label, apart, inside, per_cent

MOST_MARKS = 9
AXIS_HEIGHT = 20
ROW_HEIGHT = 21
_RADIUS = 9


@dataclass(frozen=True, slots=True)
class Mark:
    """A numbered event on a day of the axis. Its words stand in a list below the chart."""

    number: int
    day: date


@dataclass(frozen=True, slots=True)
class PlacedMark:
    """A mark at `x` per cent across, in a row above the chart; row 0 is the nearest to it."""

    number: int
    x: float
    row: int


def middle_of(index: int, days: int) -> float:
    """Returns where the middle of a day is, in per cent across."""
    return 100 * (index + 0.5) / days


def place(marks: Sequence[Mark], days: Sequence[date]) -> list[PlacedMark]:
    """Returns the marks of these days, in as many rows as they need to lie apart."""
    index = {day: number for number, day in enumerate(days)}
    ends: list[float] = []  # where the last mark of each row ends on the narrowest page
    placed = []
    for mark in sorted(marks, key=lambda mark: (mark.day, mark.number)):
        if mark.day not in index:
            continue
        x = middle_of(index[mark.day], len(days))
        left = x / 100 * NARROWEST - _RADIUS
        row = next((row for row, end in enumerate(ends) if end < left), len(ends))
        ends[row : row + 1] = [left + 2 * _RADIUS + 2]
        placed.append(PlacedMark(mark.number, x, row))
    return placed


def marks_height(placed: Sequence[PlacedMark]) -> int:
    """Returns the pixels above a chart that its marks take."""
    return ROW_HEIGHT * (1 + max((mark.row for mark in placed), default=-1))


def mark_lines(placed: Sequence[PlacedMark], *, top: float, bottom: float) -> Markup:
    """Returns a line down the chart for each mark."""
    return Markup("").join(
        Markup('<line class="event" x1="{0}" x2="{0}" y1="{1:g}" y2="{2:g}"/>').format(
            per_cent(mark.x), top, bottom
        )
        for mark in placed
    )


def mark_signs(placed: Sequence[PlacedMark]) -> Markup:
    """Returns the numbered signs above a chart."""
    rows = 1 + max((mark.row for mark in placed), default=0)
    return Markup("").join(
        Markup(
            '<circle class="event-sign" cx="{0}" cy="{1:g}" r="{2}"/>'
            '<text class="event-number" x="{0}" y="{3:g}" text-anchor="middle">{4}</text>'
        ).format(per_cent(mark.x), centre, _RADIUS, centre + 4, mark.number)
        for mark in placed
        for centre in [ROW_HEIGHT * (rows - 1 - mark.row) + _RADIUS]
    )


def time_axis(days: Sequence[date]) -> Markup:
    """Returns the names of some of the days, for below the charts of these days."""
    texts = Markup("").join(label.svg for label in day_labels(days))
    return Markup('<svg class="chart" width="100%" height="{}" aria-hidden="true">{}</svg>').format(
        AXIS_HEIGHT, texts
    )


def day_labels(days: Sequence[date], *, y: float = 14) -> list[Label]:
    """Names as many days as there is room for, at equal steps: days, weeks, months or years."""
    has_years = bool(days) and days[0].year != days[-1].year
    place_of = {day: middle_of(index, len(days)) for index, day in enumerate(days)}
    for named in _choices(days):
        texts = [_with_year(day) if has_years else _short(day) for day in named]
        labels = [
            inside(Label(text, place_of[day], y, MIDDLE))
            for day, text in zip(named, texts, strict=True)
        ]
        if labels and len(apart(labels)) == len(labels):
            return labels
    return []


def _choices(days: Sequence[date]) -> Iterator[Sequence[date]]:
    """Yields which days to name: all at first, then fewer and fewer, and one at last."""
    yield from (days, days[::2])
    mondays = [day for day in days if day.weekday() == 0]
    yield from (mondays, mondays[::2])
    months = [day for day in days if day.day == 1]
    yield from ([day for day in months if (day.month - 1) % step == 0] for step in (1, 2, 3, 6))
    years = [day for day in months if day.month == 1]
    yield from (years[::step] for step in (1, 2, 5, 10))
    yield days[:1]


def _short(day: date) -> str:
    return f"{day.day} {day:%b}"


def _with_year(day: date) -> str:
    return f"{day.day} {day:%b} {day.year}"
