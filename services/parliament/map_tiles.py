"""Where each seat is on the map of hexagons: imported, or placed from the seats' centroids."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session

from models import Constituency, MapLayout, MapTile
from models.base import table_of
from services.database.engine import upsert
from services.errors import Invalid
from services.parliament import hex_grid, map_files, tile_placing
from services.parliament.hex_grid import Cell

_seat, _tile, _layout = table_of(Constituency), table_of(MapTile), table_of(MapLayout)
# Built once: building the statement costs more than running it.
_SEATS = (
    sa.select(
        _seat.c.code,
        _seat.c.latitude,
        _seat.c.longitude,
        _seat.c.easting,
        _seat.c.northing,
        _tile.c.q,
    )
    .outerjoin(_tile, _tile.c.constituency_code == _seat.c.code)
    .order_by(_seat.c.code)
)
SHORTEST_FOOT = 10
_EARTH_KM = 6371.0
_SEA = "N"
"""The seats of Northern Ireland, whose codes begin so, are across the sea from all others."""


@dataclass(frozen=True, slots=True)
class Tiles:
    """The cell of every seat, by GSS code, no two the same. `credit` is empty for our own map."""

    cells: Mapping[str, Cell]
    credit: str


class Centroid(NamedTuple):
    """Where a seat is. `services/tallies/seat_rows.py` has the same columns of a seat."""

    code: str
    latitude: float | None
    longitude: float | None
    easting: int | None
    northing: int | None


def arranged(seats: Iterable[Centroid], stored: Mapping[str, Cell], credit: str) -> Tiles:
    """Returns the map of all seats, given the stored cells.

    Where no cells are stored yet, they are placed once in each process. A seat that an imported map
    lacks, or without coordinates, is below the map.
    """
    if not stored:
        return Tiles(_placed(tuple(sorted(seats))), "")
    missing = sorted(seat.code for seat in seats if seat.code not in stored)
    return Tiles({**stored, **_foot(stored, missing)}, credit)


def neighbours(cells: Mapping[str, Cell]) -> Mapping[str, frozenset[str]]:
    """Returns the seats whose cells touch a seat's own, by GSS code."""
    return _neighbours(tuple(cells.items()))


@lru_cache(maxsize=4)
def _neighbours(cells: tuple[tuple[str, Cell], ...]) -> Mapping[str, frozenset[str]]:
    """Every page of an MP needs them, and a map hardly ever changes."""
    seats = {cell: code for code, cell in cells}
    return {
        code: frozenset(seats[near] for near in hex_grid.around(cell) if near in seats)
        for code, cell in cells
    }


def import_file(session: Session, file: Path, *, credit: str = "", now: datetime) -> int:
    """Replaces the map by that of a file, and returns the number of its tiles.

    `credit` names the authors, where the file does not. Raises Invalid, with the file and the
    field, where the file does not fit the seats, or nobody names the authors.
    """
    found = map_files.read(file)
    named = map_files.checked_credit(credit) or found.credit
    if not named:
        message = f"{file} has no credit: give the authors and the licence with --credit."
        raise Invalid("map_credit_missing", message)
    seats = session.connection().execute(sa.select(_seat.c.code)).scalars()
    _check_codes(file, found.cells, set(seats))
    _store(session, found.cells, MapLayout(is_imported=True, credit=named, made_at=now))
    return len(found.cells)


def place(session: Session, *, now: datetime) -> int:
    """Places a tile for each seat, and returns how many seats an imported map lacks.

    It leaves an imported map as it is, and our own one where it has all seats.
    """
    rows = session.connection().execute(_SEATS).all()
    missing = sum(row[5] is None for row in rows)
    if not missing:
        return 0
    if session.scalar(sa.select(_layout.c.is_imported)):
        return missing
    cells = _placed(tuple(Centroid(*row[:5]) for row in rows))
    _store(session, cells, MapLayout(is_imported=False, made_at=now))
    return 0


def _check_codes(file: Path, cells: Mapping[str, Cell], seats: set[str]) -> None:
    """Refuses a map of other seats, such as those of older boundaries."""
    lacking, strange = sorted(seats - cells.keys()), sorted(cells.keys() - seats)
    if lacking:
        message = f"{file}: hexes has no tile for {_named(lacking)}."
        raise Invalid("map_incomplete", message)
    if strange:
        message = f"{file}: hexes has {_named(strange)}, which we have no constituency for."
        raise Invalid("map_of_other_seats", message)


def _named(codes: Sequence[str]) -> str:
    return codes[0] if len(codes) == 1 else f"{codes[0]} and {len(codes) - 1} more"


def _store(session: Session, cells: Mapping[str, Cell], layout: MapLayout) -> None:
    session.connection().execute(sa.delete(_tile))
    rows = [{"constituency_code": code, "q": q, "r": r} for code, (q, r) in cells.items()]
    if rows:
        session.connection().execute(sa.insert(_tile), rows)
    upsert(session, _layout, [layout.model_dump()], key=["id"])


@lru_cache(maxsize=4)
def _placed(seats: tuple[Centroid, ...]) -> dict[str, Cell]:
    """Returns a cell for each seat. Placing 650 takes seconds."""
    places = {seat.code: place for seat in seats if (place := _place_of(seat))}
    cells = dict(zip(places, tile_placing.place(list(places.values())), strict=True))
    return cells | _foot(cells, [seat.code for seat in seats if seat.code not in cells])


def _place_of(seat: Centroid) -> tile_placing.Place | None:
    """Returns where a seat is, from latitude and longitude if it has them.

    Its easting and northing are the second choice: files count those of Northern Ireland on two
    different grids.
    """
    land = _SEA if seat.code.startswith(_SEA) else ""
    if seat.latitude is not None and seat.longitude is not None:
        return tile_placing.Place(*_on_grid(seat.latitude, seat.longitude), land)
    if seat.easting is not None and seat.northing is not None:
        return tile_placing.Place(seat.easting / 1000, seat.northing / 1000, land)
    return None


def _on_grid(latitude: float, longitude: float) -> tuple[float, float]:
    """Returns kilometres on Great Britain's National Grid, within a few.

    It is a transverse Mercator projection of a sphere from 49°N 2°W, which is at (400, -100).
    """
    north, east = math.radians(latitude), math.radians(longitude + 2)
    across = max(-0.99, min(0.99, math.cos(north) * math.sin(east)))
    up = math.atan2(math.tan(north), math.cos(east)) - math.radians(49)
    return 400 + _EARTH_KM * math.atanh(across), -100 + _EARTH_KM * up


def _foot(cells: Mapping[str, Cell], codes: Sequence[str]) -> dict[str, Cell]:
    """Returns cells in rows below the map, which touch nothing: nobody knows their neighbours."""
    columns = [column for column, _ in cells.values()] or [0]
    first = min(columns) + (min(columns) & 1)  # even columns are in line
    a_row = max(SHORTEST_FOOT, (max(columns) - first) // 2 + 1)
    top = min((row for _, row in cells.values()), default=2) - 2
    return {
        code: (first + 2 * (place % a_row), top - 2 * (place // a_row))
        for place, code in enumerate(codes)
    }
