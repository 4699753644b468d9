"""A total over days, as a line with steps."""

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from services.common import times
from web.base.charts import axes, drawing, labels, scales
from web.base.charts.axes import Mark, PlacedMark
from web.base.charts.drawing import Chart, Point
from web.base.charts.labels import END, Label
from web.base.charts.scales import Scale

PLOT = 176
_HEAD = 18
"""The pixels above the plot for the texts on its highest line."""


def step_line(
    points: Sequence[Point],
    *,
    title: str,
    unit: str = "in all",
    css_class: str = "names",
    goal: int | None = None,
    marks: Sequence[Mark] = (),
) -> Chart:
    """Draws the total at the end of each day; the days follow each other.

    `goal` is a line of its own. `marks` are events, numbered above the chart.
    """
    values = [value for _, value in points]
    scale = scales.reaching(max([*values, goal or 0], default=0))
    sentence = _sentence(title, points, goal)
    if not any(values):
        return Chart(title, unit, css_class, Markup(""), sentence, scale)
    placed = axes.place(marks, [day for day, _ in points])
    base = axes.marks_height(placed) + _HEAD + PLOT
    svg = drawing.drawn(
        _parts(values, scale, goal, placed, base),
        height=base + 2,
        css_class=css_class,
        sentence=sentence,
    )
    return Chart(title, unit, css_class, svg, sentence, scale)


def _parts(
    values: Sequence[int],
    scale: Scale,
    goal: int | None,
    placed: Sequence[PlacedMark],
    base: float,
) -> Iterator[Markup]:
    steps = path(values, scale, base)
    yield _stretched("area", f"{steps}V{base:g}H0z", len(values), base)
    yield drawing.grid(scale, base=base, plot=PLOT)
    if goal:
        yield drawing.across("goal", base - scale.height(goal, PLOT))
    yield axes.mark_lines(placed, top=axes.marks_height(placed), bottom=base)
    yield axes.mark_signs(placed)
    yield _stretched("line", steps, len(values), base)
    end = base - scale.height(values[-1], PLOT)
    yield Markup('<circle class="dot" cx="100%" cy="{:g}" r="5"/>').format(end)
    for label in texts(values, scale, goal, base):
        yield label.svg


def path(values: Sequence[int], scale: Scale, base: float) -> str:
    """Returns the steps: one unit across is a day, and a pixel down is a pixel."""
    parts, last = [f"M0 {base:g}"], None
    for index, value in enumerate(values):
        if value != last:
            parts.append(f"H{index}V{base - scale.height(value, PLOT):g}")
        last = value
    return "".join([*parts, f"H{len(values)}"])


def texts(values: Sequence[int], scale: Scale, goal: int | None, base: float) -> list[Label]:
    """Returns the texts for which there is room: the last total, the goal, and the scale's."""
    end = base - scale.height(values[-1], PLOT)
    wanted = [Label(f"{values[-1]:,}", 99, end - 10, END, "strong")]
    if goal:
        line = base - scale.height(goal, PLOT)
        wanted.append(Label(f"Goal: {goal:,}", 0, line - 5, css_class="strong"))
    ticks = drawing.tick_labels(scale, base=base, plot=PLOT, is_right=False)
    return labels.apart([*wanted, *ticks])


def _stretched(css_class: str, steps: str, days: int, height: float) -> Markup:
    return Markup(
        '<svg width="100%" height="{0:g}" viewBox="0 0 {1} {0:g}" preserveAspectRatio="none">'
        '<path class="{2}" d="{3}"/></svg>'
    ).format(height + 2, days, css_class, steps)


def _sentence(title: str, points: Sequence[Point], goal: int | None) -> str:
    if not points:
        return f"{title}: nothing yet."
    shown = points[:: len(points) - 1] if len(points) > 1 else points
    totals = ", ".join(f"{value:,} on {times.day(day)}" for day, value in shown)
    aim = f" The goal is {goal:,}." if goal else ""
    return f"{title}: {totals}.{aim} The table has every day."
