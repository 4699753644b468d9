"""Texts in a chart that never lie on each other.

Places across are per cent, so texts are closest on the narrowest page. Those that are apart there
are apart on every page, because only the distance between their places grows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

NARROWEST = 250
"""The width in pixels of a chart in a card, where the page is 320 pixels wide."""
TEXT_HEIGHT = 13
_DIGIT, _LETTER, _WIDE, _NARROW = 9.2, 8.7, 13.0, 4.5
"""The pixels that characters take across in Public Sans of 13 pixels, measured in a browser."""
_GAP = 3
_OVERHANG = 8
"""The pixels by which a text may stick out of its chart. The card around it has 16."""
START, MIDDLE, END = "start", "middle", "end"


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels. `x` grows to the right, `y` downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: "Box", gap: float = 0) -> bool:
        """Returns whether two boxes are closer than `gap`."""
        return (
            self.left < other.right + gap
            and other.left < self.right + gap
            and self.top < other.bottom
            and other.top < self.bottom
        )


@dataclass(frozen=True, slots=True)
class Label:
    """A text whose anchor is at `x` per cent across, and whose baseline is `y` pixels down."""

    text: str
    x: float
    y: float
    anchor: str = START
    css_class: str = ""

    def box(self, width: float = NARROWEST) -> Box:
        """Returns the space that the text takes in a chart of this width."""
        length, at = sum(map(_width, self.text)), self.x / 100 * width
        left = at - {START: 0.0, MIDDLE: length / 2, END: length}[self.anchor]
        return Box(left, self.y - TEXT_HEIGHT + 2, left + length, self.y + 2)

    @property
    def svg(self) -> Markup:
        """Returns the text as an element."""
        css_class = Markup(' class="{}"').format(self.css_class) if self.css_class else ""
        anchor = Markup(' text-anchor="{}"').format(self.anchor) if self.anchor != START else ""
        return Markup('<text{} x="{}" y="{}"{}>{}</text>').format(
            css_class, per_cent(self.x), short(self.y), anchor, self.text
        )


def apart(candidates: Iterable[Label], taken: Sequence[Box] = ()) -> list[Label]:
    """Returns the labels for which there is room, the first ones first.

    A label that would leave the chart sideways turns round its anchor.
    """
    kept: list[Label] = []
    boxes = list(taken)
    for label in map(inside, candidates):
        box = label.box()
        if not any(box.overlaps(other, _GAP) for other in boxes):
            kept.append(label)
            boxes.append(box)
    return kept


def inside(label: Label) -> Label:
    """Turns a label round its anchor if it would leave the narrowest chart."""
    box = label.box()
    if box.left < -_OVERHANG:
        return replace(label, anchor=START)
    return replace(label, anchor=END) if box.right > NARROWEST + _OVERHANG else label


def _width(character: str) -> float:
    if character.isdigit():
        return _DIGIT
    if character in "MWmw":
        return _WIDE
    return _LETTER if character.isalpha() else _NARROW


def per_cent(value: float) -> str:
    """Formats a place across: `12.345` -> `12.35%`."""
    return f"{short(round(value, 2))}%"


def short(value: float) -> str:
    """Formats a number without zeros at its end: `12.0` -> `12`."""
    return f"{value:g}" if abs(value) < 10000 else f"{value:.1f}"
