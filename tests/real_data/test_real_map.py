"""Tests the map of all 650 seats: the one that we place, and the one of Automatic Knowledge.

How good the placed map is, measured with the centroids of 2024:

- Of the 1,760 pairs of seats that touch on the map of Automatic Knowledge, 45% touch on ours. Of
  the pairs that touch on ours, 55% share a border in reality (on theirs 52%).
- A tile is 48 km from its seat's place on average (on theirs 54 km), with the map laid over the
  country as well as it can be. Distances to Scotland and in London cannot be kept: 650 hexagons of
  one size have 1,784 pairs of neighbours on our map, and 1,760 on theirs, so both are as compact.
"""

import gzip
import json
import math
import re
from collections.abc import Mapping

import pytest

from services.assembly import Lobby
from services.parliament import hex_grid, map_tiles
from services.parliament.hex_grid import Cell, Point
from services.parliament.map_tiles import Tiles
from services.parliament.standing import Standing
from services.views import campaign_maps
from services.views.campaign_maps import MapBy
from tests.support.common import REAL_DATA, import_real_members, needs_real_data
from tests.support.made_up.tallies import row_of, tally_of
from tests.support.members.tiles import map_of
from web.base.charts import hex_map

pytestmark = [needs_real_data, pytest.mark.real_data, pytest.mark.slow]
FILE = REAL_DATA / "map" / "hex.json"
Pairs = set[frozenset[str]]


@pytest.fixture
def seats(empty_lobby: Lobby) -> Lobby:
    import_real_members(empty_lobby)
    return empty_lobby


def pairs(cells: Mapping[str, Cell]) -> Pairs:
    seats = {cell: code for code, cell in cells.items()}
    return {
        frozenset((code, seats[near]))
        for code, cell in cells.items()
        for near in hex_grid.around(cell)
        if near in seats
    }


def test_the_real_file_is_imported_whole_with_its_credit(seats: Lobby) -> None:
    with seats.database.write() as session:
        assert map_tiles.import_file(session, FILE, now=seats.clock()) == 650
    found = map_of(seats)
    hexes = json.loads(FILE.read_bytes())["hexes"]
    assert found.cells == {code: (cell["q"], cell["r"]) for code, cell in hexes.items()}
    assert "Automatic Knowledge" in found.credit
    near = map_tiles.neighbours(found.cells)
    assert sum(map(len, near.values())) == 2 * 1760
    assert near["S14000051"] == frozenset(), "Orkney and Shetland is alone"


def test_all_seats_are_placed_near_their_place_and_beside_their_neighbours(seats: Lobby) -> None:
    with seats.database.write() as session:
        assert map_tiles.place(session, now=seats.clock()) == 0
    ours = map_of(seats).cells
    theirs = {
        code: (cell["q"], cell["r"])
        for code, cell in json.loads(FILE.read_bytes())["hexes"].items()
    }
    assert len(ours) == len(set(ours.values())) == 650
    assert not hex_grid.enclosed(set(ours.values()))
    assert len(pairs(ours)) > 1740
    assert len(pairs(ours) & pairs(theirs)) / len(pairs(theirs)) > 0.43
    assert mean_distance(ours, theirs) < 3, "in tiles"
    assert_across_the_sea(ours)


def test_a_picture_of_all_seats_is_small_and_draws_each_once(seats: Lobby) -> None:
    cells = map_of(seats).cells
    rows = [row_of(number, standing=choice(number)) for number in range(len(cells))]
    codes = [row.constituency.code for row in rows]
    tiles = Tiles(dict(zip(codes, cells.values(), strict=True)), "")
    shown = campaign_maps.of_tiles(tiles, tally_of(rows), MapBy.STANDING)
    svg = hex_map.drawn(shown).svg
    places = re.findall(r'<use href="#t\d+" (x="\d+" y="\d+")/>', svg)
    assert len(set(places)) == len(places) == 650
    assert len(svg) < 27_000
    assert len(gzip.compress(svg.encode())) < 3_000


def choice(number: int) -> Standing:
    """Returns a standing: a fifth have signed, and a few withdrew."""
    return {0: Standing.SIGNED, 1: Standing.WITHDRAWN}.get(number * number % 5, Standing.NOT_SIGNED)


def mean_distance(ours: Mapping[str, Cell], theirs: Mapping[str, Cell]) -> float:
    """Returns how far tiles are from those of another map, with one middle, in tiles."""
    one = {code: hex_grid.centre(cell) for code, cell in ours.items()}
    other = {code: hex_grid.centre(theirs[code]) for code in ours}
    from_middle, from_other_middle = middle(one), middle(other)
    distances = [
        math.dist(
            (place[0] - from_middle[0], place[1] - from_middle[1]),
            (other[code][0] - from_other_middle[0], other[code][1] - from_other_middle[1]),
        )
        for code, place in one.items()
    ]
    return sum(distances) / len(distances)


def middle(places: Mapping[str, Point]) -> Point:
    east, north = zip(*places.values(), strict=True)
    return sum(east) / len(places), sum(north) / len(places)


def assert_across_the_sea(cells: Mapping[str, Cell]) -> None:
    """Northern Ireland is one island of 18 seats that touches no other seat."""
    island = {code for code in cells if code.startswith("N")}
    assert len(island) == 18
    assert all(pair <= island or not pair & island for pair in pairs(cells))
    east = {code: hex_grid.centre(cell)[0] for code, cell in cells.items()}
    scotland = [place for code, place in east.items() if code.startswith("S")]
    assert sum(east[code] for code in island) / 18 < sum(scotland) / len(scotland)
