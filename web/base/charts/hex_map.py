"""The map of a campaign as one SVG: a hexagon for each seat, with a key that counts them.

Each mark has a shape of its own besides its colour: steps grow, and standings differ in outline,
size, dot or stroke. `web/static/map.css` has the colours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from markupsafe import Markup, escape

from services.parliament.hex_grid import Cell
from services.views.campaign_maps import STEPS, CampaignMap, KeyEntry, MapBy, Mark, Tile
from web.base.words import lower_first

COLUMN, HALF_ROW = 9.0, 5.2
"""How far apart columns, and half rows, are. A hexagon that fills its cell has a radius of 6."""
RADIUS = 6.0
WIDEST = 416
LARGEST_SCALE = 3.5
"""The most pixels of a unit: the map of a few seats stays small."""
CACHED = 32
"""The maps of a process that are kept. One of 650 seats with links takes half a megabyte."""
TITLES = {
    MapBy.STANDING: "Who has signed",
    MapBy.SIGNATURES: "Signatures per 1,000 voters",
    MapBy.LETTERS: "Letters per 1,000 voters",
}
TABS = {MapBy.STANDING: "Standing", MapBy.SIGNATURES: "Signatures", MapBy.LETTERS: "Letters"}
LABELS = {
    Mark.SIGNED: "Signed",
    Mark.WILL_SIGN: "Said they’ll sign",
    Mark.NOT_YET: "Can sign and hasn’t yet",
    Mark.DOES_NOT_SIGN: "Doesn’t sign motions",
    Mark.WITHDREW: "Took their name off",
    Mark.VACANT: "No MP at the moment",
    Mark.NO_ELECTORATE: "Number of voters unknown",
}
FEW = {MapBy.SIGNATURES: "Fewer than 5 signatures", MapBy.LETTERS: "Fewer than 5 letters"}


class SeatLink(NamedTuple):
    """Where a hexagon leads, and its title."""

    path: str
    title: str


class KeyItem(NamedTuple):
    """A mark of the key as a picture, what it says, and the number of seats."""

    svg: Markup
    label: str
    seats: int
    is_step: bool


@dataclass(frozen=True, slots=True)
class HexMap:
    """A map for a page. `sentence` says what it shows, and is its label unless it has links.

    A map of nothing has no `svg`: the page says that there is nothing yet.
    """

    title: str
    svg: Markup
    sentence: str
    key: tuple[KeyItem, ...]
    credit: str
    has_links: bool

    @property
    def is_empty(self) -> bool:
        """Returns whether there is nothing to draw."""
        return not self.svg


def drawn(shown: CampaignMap, links: Sequence[SeatLink] = ()) -> HexMap:
    """Returns a map, drawn once for the same tiles, key and links.

    With `links`, one for each tile, each hexagon is a link for a mouse or a finger. Keyboards and
    screen readers skip them: the page must have the same links in a table, and the sentence.
    """
    sentence = _sentence(shown)
    svg = Markup() if shown.is_empty else _svg(shown.tiles, tuple(links), sentence)
    return HexMap(
        title=TITLES[shown.by],
        svg=svg,
        sentence=sentence,
        key=tuple(
            KeyItem(
                _sign(entry.mark),
                _label(shown.by, entry),
                entry.seats,
                entry.mark in STEPS,
            )
            for entry in shown.key
        ),
        credit=shown.credit,
        has_links=bool(links),
    )


# The key of the cache is all that is drawn, so that it never holds what is outdated or another's.
@lru_cache(maxsize=CACHED)
def _svg(tiles: tuple[Tile, ...], links: tuple[SeatLink, ...], sentence: str) -> Markup:
    places = _places([tile.cell for tile in tiles])
    width, height = (max(values) + RADIUS for values in zip(*places, strict=True))
    scale = min(LARGEST_SCALE, WIDEST / width)
    about = (
        Markup('aria-hidden="true"')
        if links
        else Markup('role="img" aria-label="{}"').format(sentence)
    )
    uses = [_use(tile.mark, place) for tile, place in zip(tiles, places, strict=True)]
    if links:
        uses = [_link(link, use) for link, use in zip(links, uses, strict=True)]
    used = [mark for mark in Mark if any(tile.mark is mark for tile in tiles)]
    return Markup(
        '<svg class="hex-map" viewBox="0 0 {} {}" width="{}" height="{}" {}><defs>{}</defs>{}</svg>'
    ).format(
        _short(width),
        _short(height),
        round(width * scale),
        round(height * scale),
        about,
        Markup().join(
            Markup('<g id="tile-{}">{}</g>').format(mark, _SHAPES[mark]) for mark in used
        ),
        _grouped(tiles, uses),
    )


def _places(cells: Sequence[Cell]) -> list[tuple[float, float]]:
    """Returns how far right and down the middles of cells are."""
    half_rows = [2 * row + (column & 1) for column, row in cells]
    west, north = min(column for column, _ in cells), max(half_rows)
    return [
        ((column - west) * COLUMN + RADIUS, (north - half_row) * HALF_ROW + RADIUS)
        for (column, _), half_row in zip(cells, half_rows, strict=True)
    ]


def _grouped(tiles: Sequence[Tile], uses: Sequence[str]) -> Markup:
    """Returns the tiles of each mark in a group, which has its colours."""
    pairs = sorted(zip((tile.mark for tile in tiles), uses, strict=True), key=lambda pair: pair[0])
    groups = (
        f'<g class="{mark}">{"".join(use for _, use in of_mark)}</g>'
        for mark, of_mark in groupby(pairs, key=lambda pair: pair[0])
    )
    return Markup("".join(groups))  # noqa: S704 - numbers, names of marks, and escaped links


def _use(mark: Mark, place: tuple[float, float]) -> str:
    x, y = place
    return f'<use href="#tile-{mark}" x="{_short(x)}" y="{_short(y)}"/>'


def _link(link: SeatLink, use: str) -> str:
    title = f"<title>{escape(link.title)}</title>"
    return f'<a href="{escape(link.path)}" tabindex="-1">{title}{use}</a>'


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _sign(mark: Mark) -> Markup:
    return Markup(
        '<svg class="tile-sign" viewBox="-7 -7 14 14" aria-hidden="true"><g class="{}">{}</g></svg>'
    ).format(mark, _SHAPES[mark])


def _label(by: MapBy, entry: KeyEntry) -> str:
    if entry.mark is Mark.FEW:
        return FEW[by]
    if entry.mark in LABELS:
        return LABELS[entry.mark]
    if entry.least is None:
        return f"Under {entry.below:,g}"
    if entry.below is None:
        return f"{entry.least:,g} and over"
    return f"{entry.least:,g} to under {entry.below:,g}"


def _sentence(shown: CampaignMap) -> str:
    counts = ", ".join(
        f"{lower_first(_label(shown.by, entry))}: {entry.seats:,}" for entry in shown.key
    )
    about = lower_first(TITLES[shown.by])
    return f"Map of {len(shown.tiles):,} constituencies by {about}. {counts}."


def _hexagon(radius: float) -> str:
    half, high = radius / 2, radius * 0.866
    corners = [
        (radius, 0),
        (half, high),
        (-half, high),
        (-radius, 0),
        (-half, -high),
        (half, -high),
    ]
    return f"M{'L'.join(f'{x:.4g} {y:.4g}' for x, y in corners)}z"


def _shape(path: str, more: str = "") -> Markup:
    return Markup(f'<path d="{path}"/>{more}')  # noqa: S704 - our own shapes


_SHAPES = {
    Mark.SIGNED: _shape(_hexagon(5.7)),
    Mark.WILL_SIGN: _shape(_hexagon(5.7), '<circle class="dot" r="1.9"/>'),
    Mark.NOT_YET: _shape(_hexagon(5.1)),
    Mark.DOES_NOT_SIGN: _shape(_hexagon(2.9)),
    Mark.WITHDREW: _shape(_hexagon(3.3)),
    Mark.VACANT: _shape(_hexagon(4.9) + "M-2.2 3.8L2.2-3.8"),
    Mark.FEW: _shape(_hexagon(1.8)),
    Mark.STEP_1: _shape(_hexagon(2.9)),
    Mark.STEP_2: _shape(_hexagon(3.6)),
    Mark.STEP_3: _shape(_hexagon(4.4)),
    Mark.STEP_4: _shape(_hexagon(5.1)),
    Mark.STEP_5: _shape(_hexagon(5.8)),
    Mark.NO_ELECTORATE: _shape("M-3-3L3 3M3-3L-3 3"),
}
