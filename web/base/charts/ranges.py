"""A share of a whole with the range in which the true share may be, as one horizontal bar."""

from markupsafe import Markup

from web.base.charts.labels import per_cent

_HEIGHT, _THICK, _CAP = 24, 16, 6


def share_bar(share: float, low: float, high: float) -> Markup:
    """Draws shares from 0 to 1: a bar for the share, and a thin line from low to high.

    The bar is hidden from readers, because the numbers are beside it in words.
    """
    middle, top = _HEIGHT / 2, (_HEIGHT - _THICK) / 2
    ends = [
        Markup('<line class="range" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(
            per_cent(100 * end), middle - _CAP, middle + _CAP
        )
        for end in (low, high)
    ]
    return Markup(
        '<svg class="chart share" width="100%" height="{height}" aria-hidden="true">'
        '<rect class="all" y="{top}" width="100%" height="{thick}"/>'
        '<rect class="signed" y="{top}" width="{share}" height="{thick}"/>'
        '<line class="range" x1="{low}" x2="{high}" y1="{middle}" y2="{middle}"/>{ends}</svg>'
    ).format(
        height=_HEIGHT,
        top=top,
        thick=_THICK,
        share=per_cent(100 * share),
        low=per_cent(100 * low),
        high=per_cent(100 * high),
        middle=middle,
        ends=Markup("").join(ends),
    )
