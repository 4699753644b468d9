"""Shares of a whole, as one horizontal bar. It belongs into a table that has its numbers."""

from collections.abc import Sequence

from markupsafe import Markup

from web.base.charts.labels import per_cent

HATCHED = "hatched"
_HEIGHT = 18

HATCHING = Markup(
    '<svg class="hatching" width="0" height="0" aria-hidden="true"><defs>'
    '<pattern id="hatching" width="6" height="6" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><rect class="hatch-ground" width="6" height="6"/>'
    '<line class="hatch-line" x1="0" y1="0" x2="0" y2="6"/></pattern></defs></svg>'
)
"""The pattern of the class `hatched`. A page with such bars holds it once, before them."""


def stack(parts: Sequence[tuple[str, int]]) -> Markup:
    """Draws numbers side by side over the whole width; each has a class, such as `hatched`.

    The bar is hidden from readers, because the numbers are beside it in words.
    """
    total = sum(value for _, value in parts)
    bars, before = [], 0
    for css_class, value in parts:
        if value:
            bars.append(_bar(css_class, 100 * before / total, 100 * value / total))
        before += value
    return Markup(
        '<svg class="chart stack" width="100%" height="{}" aria-hidden="true">{}</svg>'
    ).format(_HEIGHT, Markup("").join(bars))


def _bar(css_class: str, x: float, width: float) -> Markup:
    # A pattern is named by the page: in a style sheet it would belong to the style sheet.
    fill = Markup(' fill="url(#hatching)"') if css_class == HATCHED else ""
    return Markup('<rect class="{}"{} x="{}" y="0" width="{}" height="{}"/>').format(
        css_class, fill, per_cent(x), per_cent(width), _HEIGHT
    )
