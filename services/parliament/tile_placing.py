"""Places hexagons on a map: one for each seat, near its place, beside its neighbours, and compact.

A map of hexagons of one size has no room for London at its place, and too much for the Highlands.
So seats that are next to each other are tied with springs of one length, until towns have grown and
moors have shrunk; then each seat takes the free hexagon that is nearest. Swaps and moves that bring
neighbours together follow, and holes are filled. There is no chance in it: the same seats always
get the same map.
"""

import heapq
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from services.parliament import hex_grid
from services.parliament.hex_grid import Cell, Point, steps

COUNTRY = 315_000
"""About the square kilometres that the tiles of all seats start from: land, and some water."""
MOST_NEIGHBOURS = 24
ACROSS_THE_SEA = 3.5
"""The distance between the seats of two lands, in tiles, so that water is seen between them."""
ROUNDS = 200
_PULL, _PUSH, _LONGEST_STEP = 0.25, 0.4, 2.0
_SWEEPS = 20
_PLACE_WEIGHT, _TOUCH_WEIGHT = 0.05, 1.0
_LEAST_GAIN = 1e-9


class Place(NamedTuple):
    """Where a seat is, in kilometres. Seats of different lands never touch on the map."""

    east: float
    north: float
    land: str = ""


class Tie(NamedTuple):
    """A spring between two seats, as numbers of a list, and its length in tiles."""

    one: int
    other: int
    length: float


def place(places: Sequence[Place]) -> list[Cell]:
    """Returns a cell for each place, in their order. No two are the same."""
    if not places:
        return []
    ties = _ties(places)
    kilometres = math.sqrt(COUNTRY / len(places))  # of a tile
    start = [(place.east / kilometres, place.north / kilometres) for place in places]
    board = _Board(_relaxed(start, ties), [place.land for place in places], ties)
    board.improve()
    board.fill_holes()
    board.improve()
    board.fill_holes()
    return board.cells


def _ties(places: Sequence[Place]) -> list[Tie]:
    """Ties each two places that have no third in the circle between them (a Gabriel graph)."""
    ties: set[Tie] = set()
    for number, place in enumerate(places):
        others = sorted(
            (_squared(place, other), other_number)
            for other_number, other in enumerate(places)
            if other_number != number
        )[:MOST_NEIGHBOURS]
        for distance, other in others:
            if not _has_between(places, others, distance, other):
                length = 1.0 if place.land == places[other].land else ACROSS_THE_SEA
                ties.add(Tie(min(number, other), max(number, other), length))
    return sorted(ties)


def _has_between(
    places: Sequence[Place], others: list[tuple[float, int]], distance: float, other: int
) -> bool:
    for nearer, third in others:
        if nearer >= distance:
            return False
        if nearer + _squared(places[third], places[other]) < distance:
            return True
    return False


def _squared(one: Place, other: Place) -> float:
    east, north = one.east - other.east, one.north - other.north
    return east * east + north * north


def _relaxed(points: list[Point], ties: Sequence[Tie]) -> list[Point]:
    """Returns the points after the springs have pulled, and points too close have parted."""
    east, north = [point[0] for point in points], [point[1] for point in points]
    for _ in range(ROUNDS):
        moves = [[0.0, 0.0] for _ in points]
        for one, other, length in ties:
            _move(moves, east, north, one, other, length, _PULL)
        for one, other in _close_pairs(east, north):
            _move(moves, east, north, one, other, 1.0, _PUSH)
        for number, (to_east, to_north) in enumerate(moves):
            east[number] += to_east
            north[number] += to_north
    return list(zip(east, north, strict=True))


def _move(
    moves: list[list[float]],
    east: list[float],
    north: list[float],
    one: int,
    other: int,
    length: float,
    strength: float,
) -> None:
    """Adds the moves that bring two points closer to a distance of `length`."""
    by_east, by_north = east[other] - east[one], north[other] - north[one]
    distance = math.hypot(by_east, by_north)
    if distance < 1e-6:  # two seats at one place part, always in the same direction
        by_east, by_north, distance = 1e-3 * (1 + one % 7), 1e-3 * (1 + other % 5), 5e-3
    change = max(-_LONGEST_STEP, min(_LONGEST_STEP, distance - length))
    share = strength * change / distance
    moves[one][0] += share * by_east
    moves[one][1] += share * by_north
    moves[other][0] -= share * by_east
    moves[other][1] -= share * by_north


def _close_pairs(east: list[float], north: list[float]) -> Iterable[tuple[int, int]]:
    """Yields the pairs of points that are less than one tile apart."""
    squares: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for number in range(len(east)):
        squares[int(east[number] // 1), int(north[number] // 1)].append(number)
    for (column, row), here in squares.items():
        for by_column, by_row in ((0, 0), (1, 0), (-1, 1), (0, 1), (1, 1)):
            for other in squares.get((column + by_column, row + by_row), ()):
                for one in here:
                    is_new = other > one or (by_column, by_row) != (0, 0)
                    if is_new and (
                        math.hypot(east[other] - east[one], north[other] - north[one]) < 1
                    ):
                        yield one, other


class _Board:
    """The cells that the seats have, while they are moved."""

    def __init__(self, points: list[Point], lands: list[str], ties: Sequence[Tie]) -> None:
        self._points = points
        self._lands = lands
        self._taken: dict[Cell, int] = {}
        self._tied: list[list[tuple[int, int]]] = [[] for _ in points]
        for one, other, length in ties:
            self._tied[one].append((other, int(length)))
            self._tied[other].append((one, int(length)))
        self.cells: list[Cell] = [(0, 0)] * len(points)
        middle = tuple(sum(values) / len(points) for values in zip(*points, strict=True))
        for number in sorted(range(len(points)), key=lambda n: math.dist(points[n], middle)):
            self._put(number, self._nearest_free(number))

    def improve(self) -> None:
        """Moves and swaps seats as long as neighbours come closer by it."""
        for _ in range(_SWEEPS):
            moved = [self._improve_one(number) for number in range(len(self.cells))]
            if not any(moved):
                break

    def fill_holes(self) -> None:
        """Fills each hole: the seats on the shortest way out of it all move up by one cell."""
        while holes := hex_grid.enclosed(self._taken):
            way = self._way_out(holes)
            for to, cell in pairwise(way):
                self._put(self._taken.pop(cell), to)

    def _way_out(self, holes: list[Cell]) -> list[Cell]:
        came_from: dict[Cell, Cell | None] = {holes[0]: None}
        queue = [holes[0]]
        for cell in queue:  # which grows meanwhile
            for near in hex_grid.around(cell):
                if near in self._taken and near not in came_from:
                    came_from[near] = cell
                    queue.append(near)
                elif near not in self._taken and near not in holes:
                    return _back_to_start(cell, came_from)
        raise AssertionError("a hole is surrounded by a finite number of cells")

    def _put(self, number: int, cell: Cell) -> None:
        self.cells[number] = cell
        self._taken[cell] = number

    def _nearest_free(self, number: int) -> Cell:
        point = self._points[number]
        first = hex_grid.at(point)
        seen, queue = {first}, [(0.0, first)]
        while True:
            _, cell = heapq.heappop(queue)
            if cell not in self._taken and self._is_on_own_land(number, cell):
                return cell
            for near in hex_grid.around(cell):
                if near not in seen:
                    seen.add(near)
                    heapq.heappush(queue, (math.dist(hex_grid.centre(near), point), near))

    def _is_on_own_land(self, number: int, cell: Cell) -> bool:
        """Returns whether a seat would touch no other land there."""
        land = self._lands[number]
        near = (self._taken.get(near) for near in hex_grid.around(cell))
        return all(other is None or self._lands[other] == land for other in near)

    def _improve_one(self, number: int) -> bool:
        """Gives a seat the best cell beside its own and its neighbours', or leaves it."""
        own = self.cells[number]
        choices = set(hex_grid.around(own))
        for other, _ in self._tied[number]:
            choices.update(hex_grid.around(self.cells[other]))
        choices.discard(own)
        cost = self._cost(number, own)
        gain, best = max((self._gain(number, cell, cost), cell) for cell in choices)
        if gain < _LEAST_GAIN:
            return False
        swapped = self._taken.pop(best) if best in self._taken else None
        del self._taken[own]
        self._put(number, best)
        if swapped is not None:
            self._put(swapped, own)
        return True

    def _gain(self, number: int, cell: Cell, cost: float) -> float:
        """Returns how much better the map is once a seat has this cell; it costs `cost` now."""
        own, other = self.cells[number], self._taken.get(cell)
        if other is None:
            if not self._is_on_own_land(number, cell):
                return -math.inf
            touched = self._touched(cell, but=own) - self._touched(own)
            return cost - self._cost(number, cell) + _TOUCH_WEIGHT * touched
        if self._lands[other] != self._lands[number]:
            return -math.inf
        before = cost + self._cost(other, cell)
        self.cells[number], self.cells[other] = cell, own
        after = self._cost(number, cell) + self._cost(other, own)
        self.cells[number], self.cells[other] = own, cell
        return before - after

    def _touched(self, cell: Cell, *, but: Cell | None = None) -> int:
        return sum(near in self._taken and near != but for near in hex_grid.around(cell))

    def _cost(self, number: int, cell: Cell) -> float:
        """Returns how far a cell is from where a seat should be, and from its neighbours."""
        cells, point = self.cells, self._points[number]
        cost = _PLACE_WEIGHT * math.dist(hex_grid.centre(cell), point) ** 2
        for other, length in self._tied[number]:
            apart = steps(cell, cells[other]) - length
            cost += apart * apart
        return cost


def _back_to_start(cell: Cell, came_from: dict[Cell, Cell | None]) -> list[Cell]:
    way: list[Cell] = []
    at: Cell | None = cell
    while at is not None:
        way.append(at)
        at = came_from[at]
    return way[::-1]
