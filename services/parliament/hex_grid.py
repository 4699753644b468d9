"""A grid of hexagons with a flat top. Odd columns are shifted half a hexagon to the north.

A cell is a pair of its column, from west to east, and its row, northwards. The centres of cells
that touch are one unit apart.
"""

import math
from collections.abc import Collection

Cell = tuple[int, int]
Point = tuple[float, float]
COLUMN_WIDTH = math.sqrt(3) / 2


def centre(cell: Cell) -> Point:
    """Returns how far east and north of cell (0, 0) a cell is."""
    column, row = cell
    return column * COLUMN_WIDTH, row + (column & 1) / 2


def around(cell: Cell) -> tuple[Cell, ...]:
    """Returns the six cells that touch a cell."""
    column, row = cell
    shift = column & 1
    return (
        (column, row + 1),
        (column, row - 1),
        (column - 1, row + shift),
        (column - 1, row + shift - 1),
        (column + 1, row + shift),
        (column + 1, row + shift - 1),
    )


def steps(one: Cell, other: Cell) -> int:
    """Returns how many cells a way from one cell to another enters."""
    columns = abs(one[0] - other[0])
    half_rows = abs(2 * one[1] + (one[0] & 1) - 2 * other[1] - (other[0] & 1))
    return columns + max(0, half_rows - columns) // 2


def at(point: Point) -> Cell:
    """Returns the cell whose centre is nearest."""
    east, north = point
    middle = round(east / COLUMN_WIDTH)
    cells = [(column, round(north - (column & 1) / 2)) for column in range(middle - 1, middle + 2)]
    return min(cells, key=lambda cell: math.dist(centre(cell), point))


def enclosed(taken: Collection[Cell]) -> list[Cell]:
    """Returns the cells that are free and have no free way out of the taken ones."""
    columns, rows = [column for column, _ in taken], [row for _, row in taken]
    west, south = min(columns) - 1, min(rows) - 2
    east, north = max(columns) + 1, max(rows) + 2
    outside, begun = {(west, south)}, [(west, south)]
    while begun:
        for cell in around(begun.pop()):
            is_inside = west <= cell[0] <= east and south <= cell[1] <= north
            if is_inside and cell not in taken and cell not in outside:
                outside.add(cell)
                begun.append(cell)
    return [
        (column, row)
        for column in range(west, east + 1)
        for row in range(south, north + 1)
        if (column, row) not in taken and (column, row) not in outside
    ]
