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

COLUMN, HALF_ROW = 7, 4
"""How far apart columns, and half rows, are: whole numbers are short, and nearly regular."""
RADIUS = 14 / 3
"""From the middle of a cell to its east and west corners."""
MARGIN = 5
WIDEST = 416
LARGEST_SCALE = 4.5
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
    Mark.WITHDREW: "Removed their name",
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
    width, height = (max(values) + MARGIN for values in zip(*places, strict=True))
    scale = min(LARGEST_SCALE, WIDEST / width)
    about = (
        Markup('aria-hidden="true"')
        if links
        else Markup('role="img" aria-label="{}"').format(sentence)
    )
    used = [mark for mark in Mark if any(tile.mark is mark for tile in tiles)]
    return Markup(
        '<svg class="hex-map" viewBox="0 0 {} {}" width="{}" height="{}" {}><defs>{}</defs>{}</svg>'
    ).format(
        width,
        height,
        round(width * scale),
        round(height * scale),
        about,
        Markup().join(
            Markup('<g id="{}">{}</g>').format(_IDS[mark], _SHAPES[mark]) for mark in used
        ),
        _groups(tiles, places, links),
    )


def _places(cells: Sequence[Cell]) -> list[tuple[int, int]]:
    """Returns how far right and down the middles of cells are."""
    half_rows = [2 * row + (column & 1) for column, row in cells]
    west, north = min(column for column, _ in cells), max(half_rows)
    return [
        ((column - west) * COLUMN + MARGIN, (north - half_row) * HALF_ROW + MARGIN)
        for (column, _), half_row in zip(cells, half_rows, strict=True)
    ]


def _groups(
    tiles: Sequence[Tile], places: Sequence[tuple[int, int]], links: Sequence[SeatLink]
) -> Markup:
    """Returns the tiles of each mark in a group, which has its colours, from west to east."""
    order = sorted(range(len(tiles)), key=lambda number: (tiles[number].mark, places[number]))
    parts = [
        _tile(tile.mark, place, links[number] if links else None)
        for number, (tile, place) in enumerate(zip(tiles, places, strict=True))
    ]
    groups = (
        f'<g class="{mark}">{"".join(parts[number] for number in numbers)}</g>'
        for mark, numbers in groupby(order, key=lambda number: tiles[number].mark)
    )
    return Markup("".join(groups))  # noqa: S704 - numbers, names of marks, and escaped links


def _tile(mark: Mark, place: tuple[int, int], link: SeatLink | None) -> str:
    x, y = place
    use = f'<use href="#{_IDS[mark]}" x="{x}" y="{y}"/>'
    if link is None:
        return use
    path, title = map(escape, link)
    return f'<a href="{path}" tabindex="-1"><title>{title}</title>{use}</a>'


def _sign(mark: Mark) -> Markup:
    return Markup(
        '<svg class="tile-sign" viewBox="-5 -5 10 10" aria-hidden="true"><g class="{}">{}</g></svg>'
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
    counts = " ".join(f"{_label(shown.by, entry)}: {entry.seats:,}." for entry in shown.key)
    about = lower_first(TITLES[shown.by])
    return f"Map of {len(shown.tiles):,} constituencies by {about}. {counts}"


def _hexagon(size: float) -> str:
    """Returns a hexagon that fills a cell by this much, where 1 is wholly."""
    wide, half, high = RADIUS * size, RADIUS * size / 2, HALF_ROW * size
    corners = [(wide, 0), (half, high), (-half, high), (-wide, 0), (-half, -high), (half, -high)]
    return f"M{'L'.join(f'{x:.3g} {y:.3g}' for x, y in corners)}z"


def _shape(path: str, more: str = "") -> Markup:
    return Markup(f'<path d="{path}"/>{more}')  # noqa: S704 - our own shapes


_SHAPES = {
    Mark.SIGNED: _shape(_hexagon(0.96)),
    Mark.WILL_SIGN: _shape(_hexagon(0.96), '<circle class="dot" r="1.5"/>'),
    Mark.NOT_YET: _shape(_hexagon(0.86)),
    Mark.DOES_NOT_SIGN: _shape(_hexagon(0.48)),
    Mark.WITHDREW: _shape(_hexagon(0.56)),
    Mark.VACANT: _shape(_hexagon(0.82) + "M-1.9 3.28L1.9-3.28"),
    Mark.FEW: _shape(_hexagon(0.3)),
    Mark.STEP_1: _shape(_hexagon(0.48)),
    Mark.STEP_2: _shape(_hexagon(0.6)),
    Mark.STEP_3: _shape(_hexagon(0.73)),
    Mark.STEP_4: _shape(_hexagon(0.85)),
    Mark.STEP_5: _shape(_hexagon(0.97)),
    Mark.NO_ELECTORATE: _shape("M-2.2-2.2L2.2 2.2M2.2-2.2L-2.2 2.2"),
}
_IDS = {mark: f"t{number}" for number, mark in enumerate(Mark)}
"""The ids of the shapes. They are short, because each tile has one."""
