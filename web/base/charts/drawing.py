"""What all charts are made of."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

from web.base.charts.labels import END, START, Label, short
from web.base.charts.scales import Scale

Point = tuple[date, int]
"""A day, and the number on it."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart with its title and what is counted, such as 'Letters sent' and 'a day'.

    `css_class` gives the colour: `names`, `letters` or `signatures`. `sentence` says what the chart
    shows. A chart without a number above 0 has no `svg`: the page says that there is nothing yet.
    """

    title: str
    unit: str
    css_class: str
    svg: Markup
    sentence: str
    scale: Scale

    @property
    def is_empty(self) -> bool:
        """Returns whether there is nothing to draw."""
        return not self.svg


def drawn(parts: Iterable[Markup], *, height: float, css_class: str, sentence: str) -> Markup:
    """Returns the parts as one picture with a sentence that says what it shows."""
    return Markup(
        '<svg class="chart {}" width="100%" height="{}" role="img" aria-label="{}">{}</svg>'
    ).format(css_class, short(height), sentence, Markup("").join(parts))


def across(css_class: str, y: float) -> Markup:
    """Returns a line from side to side."""
    return Markup('<line class="{0}" x1="0" x2="100%" y1="{1}" y2="{1}"/>').format(
        css_class, short(y)
    )


def grid(scale: Scale, *, base: float, plot: float) -> Markup:
    """Returns the axis and a line for each tick. `base` is where 0 is."""
    lines = [across("grid", base - scale.height(tick, plot)) for tick in scale.ticks]
    return Markup("").join([*lines, across("axis", base)])


def tick_labels(scale: Scale, *, base: float, plot: float, is_right: bool) -> list[Label]:
    """Returns the numbers of a scale, the highest first."""
    return [
        Label(
            f"{tick:,}",
            100 if is_right else 0,
            base - scale.height(tick, plot) - 4,
            END if is_right else START,
        )
        for tick in reversed(scale.ticks)
    ]
