"""Reads a map of hexagons from a file: HexJSON, or our own layout of the same kind.

HexJSON is a format of the Open Data Institute: https://odileeds.github.io/hexmaps/hexjson.html.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from services.common import texts
from services.errors import Invalid
from services.parliament.hex_grid import Cell

LAYOUTS = ("odd-q", "odd-q-north-up")
"""Both have flat tops, rows that count northwards, and odd columns shifted to the north."""
FARTHEST = 1000
LONGEST_CREDIT = 300


@dataclass(frozen=True, slots=True)
class MapFile:
    """The cell of each seat, by GSS code, and the file's authors, if it names them."""

    cells: Mapping[str, Cell]
    credit: str


def read(file: Path) -> MapFile:
    """Reads a whole file, or raises Invalid with the file and the field that is wrong."""
    content = _json(file)
    if not isinstance(content, dict):
        _refuse(file, "has no object with 'layout' and 'hexes'")
    _check_layout(file, content.get("layout"))
    hexes = content.get("hexes")
    if not isinstance(hexes, dict) or not hexes:
        _refuse(file, "hexes must be an object with a hexagon for each GSS code")
    cells = {code: _cell(file, code, value) for code, value in hexes.items()}
    _refuse_overlaps(file, cells)
    return MapFile(cells, _credit(file, content.get("credit", "")))


def _json(file: Path) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                _refuse(file, f"'{key[:40]}' is there twice")
            found[key] = value
        return found

    try:
        return json.loads(file.read_text("utf-8-sig"), object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise Invalid("map_malformed", f"{file} is not JSON in UTF-8.") from error


def _check_layout(file: Path, layout: Any) -> None:
    if layout not in LAYOUTS:
        given = f"'{layout}'" if isinstance(layout, str) else "not a text"
        _refuse(file, f"layout is {given}, and only {' and '.join(LAYOUTS)} can be read")


def _cell(file: Path, code: str, value: Any) -> Cell:
    if not isinstance(value, dict):
        _refuse(file, f"hexes.{code} must be an object with q and r")
    q, r = (_whole(file, f"hexes.{code}.{name}", value.get(name)) for name in "qr")
    return q, r


def _whole(file: Path, field: str, value: Any) -> int:
    if type(value) is not int or abs(value) > FARTHEST:  # True is an int too
        _refuse(file, f"{field} must be a whole number between -{FARTHEST} and {FARTHEST}")
    return value


def _refuse_overlaps(file: Path, cells: Mapping[str, Cell]) -> None:
    taken: dict[Cell, str] = {}
    for code, cell in cells.items():
        if cell in taken:
            _refuse(file, f"hexes.{code} and hexes.{taken[cell]} are at one place, {cell}")
        taken[cell] = code


def _credit(file: Path, value: Any) -> str:
    if not isinstance(value, str):
        _refuse(file, "credit must be a text")
    if len(value) > LONGEST_CREDIT:
        _refuse(file, f"credit must be of {LONGEST_CREDIT} characters at most")
    return checked_credit(value)


def checked_credit(text: str) -> str:
    """Returns a credit on one line, or raises Invalid."""
    return texts.line(text, field="credit", shortest=0, longest=LONGEST_CREDIT)


def _refuse(file: Path, problem: str) -> NoReturn:
    raise Invalid("map_malformed", f"{file}: {problem}.")
