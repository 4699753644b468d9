"""Tests placing a hexagon for each seat."""

import random

from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.parliament import hex_grid, tile_placing
from services.parliament.tile_placing import Place

KILOMETRES = st.floats(-2000, 2000, allow_nan=False)
PLACES = st.lists(st.builds(Place, KILOMETRES, KILOMETRES, st.sampled_from(["", "N"])), max_size=25)


def a_country(count: int, seed: int) -> list[Place]:
    """Returns seats of which half are in one town."""
    chance = random.Random(seed)
    town = [Place(chance.gauss(300, 15), chance.gauss(200, 15)) for _ in range(count // 2)]
    return town + [
        Place(chance.uniform(0, 400), chance.uniform(0, 600)) for _ in range(count - len(town))
    ]


@settings(max_examples=40)
@given(PLACES)
@example([Place(0, 0)] * 9)
def test_each_seat_has_a_hexagon_of_its_own_and_lands_never_touch(places: list[Place]) -> None:
    cells = tile_placing.place(places)
    assert len(set(cells)) == len(cells) == len(places)
    land = {cell: place.land for cell, place in zip(cells, places, strict=True)}
    for cell, own in land.items():
        assert all(land.get(near, own) == own for near in hex_grid.around(cell))


def test_the_same_seats_always_get_the_same_map() -> None:
    country = a_country(60, seed=1)
    assert tile_placing.place(country) == tile_placing.place(list(country))


def test_a_map_is_compact_and_has_no_holes() -> None:
    cells = tile_placing.place(a_country(120, seed=2))
    assert not hex_grid.enclosed(cells)
    touching = sum(near in cells for cell in cells for near in hex_grid.around(cell)) / 2
    assert touching > 2.4 * len(cells)  # 3 for each in a map without an edge


def test_what_is_further_east_or_north_is_so_on_the_map() -> None:
    places = [Place(40 * east, 40 * north) for east in range(7) for north in range(7)]
    centres = [hex_grid.centre(cell) for cell in tile_placing.place(places)]
    for one, here in zip(places, centres, strict=True):
        for other, there in zip(places, centres, strict=True):
            assert here[0] < there[0] or other.east - one.east < 120
            assert here[1] < there[1] or other.north - one.north < 120


def test_steps_count_the_cells_on_the_way() -> None:
    for start in ((0, 0), (1, 0), (-3, 5)):
        reached, edge = {start: 0}, [start]
        for cell in edge:
            if reached[cell] < 4:
                for near in hex_grid.around(cell):
                    if near not in reached:
                        reached[near] = reached[cell] + 1
                        edge.append(near)
        assert {cell: hex_grid.steps(start, cell) for cell in reached} == reached
