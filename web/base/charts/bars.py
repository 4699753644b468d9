"""Numbers a day or a week, as bars."""

from collections.abc import Sequence
from datetime import date

from markupsafe import Markup

from services.common import times
from web.base.charts import axes, drawing, labels, scales
from web.base.charts.axes import Mark
from web.base.charts.drawing import Chart, Point
from web.base.charts.labels import MIDDLE, Label, per_cent, short
from web.base.charts.scales import Scale

PLOT = 84
_HEAD = 18
_WIDTH = 0.72
"""The share of its day that a bar takes."""


def day_bars(
    points: Sequence[Point],
    *,
    title: str,
    css_class: str,
    marks: Sequence[Mark] = (),
    is_last_over: bool = False,
) -> Chart:
    """Draws a bar for each day. The last one is outlined unless its day is over.

    `marks` are those of the chart above, of which only the lines are drawn.
    """
    values = [value for _, value in points]
    scale, sentence = _scale(values), _sentence(title, "day", points, is_last_over)
    if not any(values):
        return Chart(title, "a day", css_class, Markup(""), sentence, scale)
    base, bottom = _HEAD + PLOT, _bottom(values, scale)
    ticks = drawing.tick_labels(
        scale, base=base, plot=PLOT, is_right=is_emptier_on_the_right(values)
    )
    parts = [
        drawing.grid(scale, base=base, plot=PLOT),
        axes.mark_lines(axes.place(marks, [day for day, _ in points]), top=0, bottom=bottom),
        _bars(values, scale, is_last_over),
        *(label.svg for label in labels.apart(ticks)),
    ]
    svg = drawing.drawn(parts, height=bottom + 2, css_class=css_class, sentence=sentence)
    return Chart(title, "a day", css_class, svg, sentence, scale)


def week_bars(
    points: Sequence[Point], *, title: str, css_class: str, is_last_over: bool = False
) -> Chart:
    """Draws a bar with its value for each week; the days are those with which weeks begin."""
    values = [value for _, value in points]
    scale, sentence = _scale(values), _sentence(title, "week", points, is_last_over)
    if not any(values):
        return Chart(title, "a week", css_class, Markup(""), sentence, scale)
    bottom = _bottom(values, scale)
    parts = [
        drawing.across("axis", _HEAD + PLOT),
        _bars(values, scale, is_last_over),
        *(label.svg for label in week_texts(points, scale)),
    ]
    height = bottom + axes.AXIS_HEIGHT
    svg = drawing.drawn(parts, height=height, css_class=css_class, sentence=sentence)
    return Chart(title, "a week", css_class, svg, sentence, scale)


def week_texts(points: Sequence[Point], scale: Scale) -> list[Label]:
    """Returns the values above the bars, the highest first, and the days below them."""
    weeks = len(points)
    order = sorted(range(weeks), key=lambda index: (-points[index][1], index))
    values = [
        Label(
            f"{points[index][1]:,}",
            axes.middle_of(index, weeks),
            _HEAD + PLOT - max(scale.height(points[index][1], PLOT), 0) - 4,
            MIDDLE,
            "strong",
        )
        for index in order
    ]
    y = _bottom([value for _, value in points], scale) + 14
    return labels.apart([*values, *_week_names([day for day, _ in points], y)])


def is_emptier_on_the_right(values: Sequence[int]) -> bool:
    """Returns on which side the texts of the scale hide less."""
    side = max(1, len(values) // 4)
    return max(values[-side:]) < max(values[:side])


def _week_names(weeks: Sequence[date], y: float) -> list[Label]:
    """Names every week, or every second, third ... week, so that all names have room."""
    for step in range(1, len(weeks) + 1):
        names = [
            labels.inside(
                Label(f"{day.day} {day:%b}", axes.middle_of(index, len(weeks)), y, MIDDLE)
            )
            for index, day in enumerate(weeks)
            if index % step == 0
        ]
        if len(labels.apart(names)) == len(names):
            return names
    return []


def _bars(values: Sequence[int], scale: Scale, is_last_over: bool) -> Markup:
    """Returns a bar for each number but 0; one below 0 hangs from the axis."""
    days = len(values)
    width, base = per_cent(100 * _WIDTH / days), _HEAD + PLOT
    # Of many days: put together from numbers alone, without the cost of escaping them.
    bars = []
    for index, value in enumerate(values):
        if value:
            x = per_cent(100 * (index + (1 - _WIDTH) / 2) / days)
            height = abs(scale.height(value, PLOT))
            y = short(round(base - height, 1)) if value > 0 else base
            part = ' class="part"' if index == days - 1 and not is_last_over else ""
            bars.append(f'<rect{part} x="{x}" y="{y}" width="{width}" height="{short(height)}"/>')
    return Markup("".join(bars))  # noqa: S704 - numbers


def _scale(values: Sequence[int]) -> Scale:
    return scales.reaching(max(map(abs, values), default=0))


def _bottom(values: Sequence[int], scale: Scale) -> float:
    return _HEAD + PLOT - scale.height(min([*values, 0]), PLOT)


def _sentence(title: str, unit: str, points: Sequence[Point], is_last_over: bool) -> str:
    if not points:
        return f"{title}: nothing yet."
    day, most = max(points, key=lambda point: point[1])
    begins = "on" if unit == "day" else "in the week from"
    so_far = "" if is_last_over else " so far"
    return (
        f"{title} a {unit}: most {begins} {times.day(day)}, {most:,}. "
        f"The last {unit}: {points[-1][1]:,}{so_far}. The table has every {unit}."
    )
