"""What the map of a campaign shows: a mark for each seat, and how many seats have each mark."""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from services.parliament import map_tiles
from services.parliament.hex_grid import Cell
from services.parliament.map_tiles import Centroid, Tiles
from services.parliament.standing import Eligibility, Standing, StatedIntent
from services.tallies.neighbours import FEWEST
from services.tallies.seat_table import Tally, TallyRow, per_1000

ROUND = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
"""The round numbers between 1 and 10 at which steps begin."""


class MapBy(StrEnum):
    """What the marks on a map say: where MPs stand, or how many people signed or wrote."""

    STANDING = "standing"
    SIGNATURES = "signatures"
    LETTERS = "letters"


class Mark(StrEnum):
    """How a seat is drawn. The first six are for a map by standing, in the order of its key."""

    SIGNED = "signed"
    WILL_SIGN = "will-sign"
    NOT_YET = "not-yet"
    DOES_NOT_SIGN = "does-not-sign"
    WITHDREW = "withdrew"
    VACANT = "vacant"
    FEW = "few"
    STEP_1 = "step-1"
    STEP_2 = "step-2"
    STEP_3 = "step-3"
    STEP_4 = "step-4"
    STEP_5 = "step-5"
    NO_ELECTORATE = "no-electorate"


Marks = tuple[list[Mark], dict[Mark, tuple[float | None, float | None]]]
"""The mark of each row, and the bounds of steps."""
STEPS = (Mark.STEP_1, Mark.STEP_2, Mark.STEP_3, Mark.STEP_4, Mark.STEP_5)


class Tile(NamedTuple):
    """The hexagon of a seat."""

    code: str
    cell: Cell
    mark: Mark


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """How many seats have a mark. A step is from `least` to under `below`; None has no bound."""

    mark: Mark
    seats: int
    least: float | None = None
    below: float | None = None


@dataclass(frozen=True, slots=True)
class CampaignMap:
    """The tiles, in the order of the tally, and the key, which counts each of them once.

    `is_empty` is True where there is nothing to tell yet: no motion, no signature or no letter.
    """

    by: MapBy
    tiles: tuple[Tile, ...]
    key: tuple[KeyEntry, ...]
    credit: str
    is_empty: bool


def of_tally(tally: Tally, by: MapBy = MapBy.STANDING, *, is_public: bool = False) -> CampaignMap:
    """Returns the map of a whole tally, without a statement. `tally.rows` must have every seat.

    A public map does not tell seats apart that have fewer than five signatures or letters: small
    numbers tell who has signed.
    """
    return of_tiles(tiles_of(tally), tally, by, is_public=is_public)


def of_tiles(tiles: Tiles, tally: Tally, by: MapBy, *, is_public: bool = False) -> CampaignMap:
    """Returns the same for other places of the seats."""
    entries = _by_standing if by is MapBy.STANDING else _by_count
    marks, steps = entries(tally, by, is_public)
    counts = Counter(marks)
    return CampaignMap(
        by=by,
        tiles=tuple(
            Tile(row.constituency.code, tiles.cells[row.constituency.code], mark)
            for row, mark in zip(tally.rows, marks, strict=True)
        ),
        key=tuple(
            KeyEntry(mark, counts[mark], *steps.get(mark, (None, None)))
            for mark in Mark
            if counts[mark] or (mark is Mark.SIGNED and by is MapBy.STANDING)
        ),
        credit=tiles.credit,
        is_empty=_is_empty(tally, by),
    )


def tiles_of(tally: Tally) -> Tiles:
    """Returns the place of each seat on the map, without a statement."""
    seats = (row.constituency for row in tally.rows)
    centroids = (
        Centroid(seat.code, seat.latitude, seat.longitude, seat.easting, seat.northing)
        for seat in seats
    )
    return map_tiles.arranged(centroids, tally.cells, tally.map_credit)


def neighbours_of(tally: Tally) -> Mapping[str, frozenset[str]]:
    """Returns the seats next to each seat on the map, by GSS code, without a statement."""
    return map_tiles.neighbours(tiles_of(tally).cells)


def _is_empty(tally: Tally, by: MapBy) -> bool:
    if by is MapBy.STANDING:
        return tally.motion is None
    return not any(count_of(row, by) for row in tally.rows)


def _by_standing(tally: Tally, _by: MapBy, _is_public: bool) -> Marks:
    return [mark_of(row) for row in tally.rows], {}


def mark_of(row: TallyRow) -> Mark:
    """Returns the mark of a seat on a map by standing."""
    if row.member is None:
        return Mark.VACANT
    if row.standing is Standing.SIGNED:
        return Mark.SIGNED
    if row.standing is Standing.WITHDRAWN:
        return Mark.WITHDREW
    if row.eligibility is not Eligibility.CAN_SIGN:
        return Mark.DOES_NOT_SIGN
    return Mark.WILL_SIGN if row.said is StatedIntent.WILL_SIGN else Mark.NOT_YET


def count_of(row: TallyRow, by: MapBy) -> int:
    """Returns the signatures or the sent letters of a seat."""
    return row.letters_sent if by is MapBy.LETTERS else row.signatures


def value_of(row: TallyRow, by: MapBy) -> float | None:
    """Returns the signatures or letters per 1,000 electors; None where their number is unknown."""
    return per_1000(count_of(row, by), row.electorate)


def _by_count(tally: Tally, by: MapBy, is_public: bool) -> Marks:
    values = [(count_of(row, by), value_of(row, by)) for row in tally.rows]
    least = FEWEST if is_public else 0
    shown = [value for count, value in values if value is not None and count >= least]
    breaks = breaks_of(shown)
    used = STEPS[-len(breaks) - 1 :]
    marks = [
        Mark.FEW
        if count < least
        else Mark.NO_ELECTORATE
        if value is None
        else used[bisect_right(breaks, value)]
        for count, value in values
    ]
    lowest = None if breaks else min(shown, default=None)
    bounds = zip(used, (lowest, *breaks), (*breaks, None), strict=True)
    return marks, {mark: (low, high) for mark, low, high in bounds}


def breaks_of(values: Sequence[float]) -> tuple[float, ...]:
    """Returns at most four round numbers that part the values in steps, none of them empty.

    The steps have about equally many of the values above 0. What is 0 is in the lowest step.
    """
    above = sorted(value for value in values if value > 0)
    wanted = sorted(
        {_round(above[len(above) * part // 5]) for part in range(1, 5)} if above else ()
    )
    breaks: list[float] = []
    for number in wanted:
        low = breaks[-1] if breaks else float("-inf")
        is_used_below = any(low <= value < number for value in values)
        if is_used_below and above[-1] >= number:
            breaks.append(number)
    return tuple(breaks)


def _round(value: float) -> float:
    """Returns the nearest round number: `0.47` -> `0.5`."""
    power = math.floor(math.log10(value))
    nearest = min(ROUND, key=lambda number: abs(number - value / 10.0**power))
    return round(nearest * 10.0**power, 3 - power)
