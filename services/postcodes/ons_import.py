"""Builds our postcode directory from a file of the Office for National Statistics (ONS)."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

from services.postcodes import file_format
from services.postcodes.builder import PostcodeGrid, RowOutcome
from services.postcodes.ons_names import Names
from services.postcodes.ons_tables import OnsColumns, PostcodeTable, open_table, refused

Progress = Callable[[int, int], None]
"""Called with the bytes read so far and the total."""

_ROWS_BETWEEN_REPORTS = 20_000
_IN_DIRECTORY = (RowOutcome.FOUND, RowOutcome.TERMINATED, RowOutcome.WITHOUT_CONSTITUENCY)
_LEFT_OUT = (RowOutcome.NORTHERN_IRELAND, RowOutcome.MALFORMED, RowOutcome.DUPLICATE)
_NO_GRID_REFERENCE = 99.0  # the ONS writes latitude 99.999999 where there is none
_NATIONS = {"E": "England", "S": "Scotland", "W": "Wales", "N": "Northern Ireland"}
# The first new codes of July 2024. Five Scottish constituencies kept their codes, so the boundary
# set cannot be told from a single code.
_FIRST_OF_2024 = {"E": "E14001063", "S": "S14000060", "W": "W07000081", "N": "N05000001"}


@dataclass(frozen=True, slots=True)
class ConstituencyFacts:
    """What a zip of the ONS says about a constituency.

    Outside England, `region` is the name of the nation. The position is the mean of the live
    postcodes in this import, None if there are none: degrees of WGS 84, and metres of the British
    grid, in Northern Ireland of the Irish grid.
    """

    code: str
    name: str
    nation: str
    region: str
    latitude: float | None
    longitude: float | None
    easting: int | None
    northing: int | None
    boundary_set: str


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """The numbers of rows by outcome, and what the source says about constituencies.

    `read` = `found` + `terminated` + `without_constituency` + `not_in_uk_parliament` + the sum of
    `left_out`. `postcodes` is the sum of the first three. `bytes` is the size of the new directory.
    `constituencies` is empty unless the source is a zip.
    """

    read: int
    found: int
    terminated: int
    without_constituency: int
    not_in_uk_parliament: int
    left_out: dict[str, int]
    postcodes: int
    bytes: int
    constituencies: tuple[ConstituencyFacts, ...]


def import_postcodes(
    source: Path,
    target: Path,
    *,
    northern_ireland: bool = False,
    progress: Progress | None = None,
) -> ImportSummary:
    """Builds the directory `target` from an ONSPD or NSPL csv, csv.gz or zip.

    The old directory is replaced atomically at the end, and stays if the import fails. Postcodes of
    Northern Ireland are left out by default: using them needs a licence from Land and Property
    Services.

    :raises Invalid: the source is unusable; the message names the file, and the line or column
    :raises Unavailable: the target cannot be written
    """
    grid = PostcodeGrid(northern_ireland=northern_ireland)
    with open_table(source) as table:
        positions = _Positions(table.columns) if table.names else None
        counts = _read(source, table, grid, positions, progress)
    facts = _all_facts(table.names, positions) if table.names and positions else ()
    size = file_format.write(target, grid.codes, grid.sectors)
    return ImportSummary(
        read=counts.total(),
        found=counts[RowOutcome.FOUND],
        terminated=counts[RowOutcome.TERMINATED],
        without_constituency=counts[RowOutcome.WITHOUT_CONSTITUENCY],
        not_in_uk_parliament=counts[RowOutcome.NOT_IN_UK_PARLIAMENT],
        left_out={str(outcome): counts[outcome] for outcome in _LEFT_OUT if counts[outcome]},
        postcodes=sum(counts[outcome] for outcome in _IN_DIRECTORY),
        bytes=size,
        constituencies=facts,
    )


def _read(
    source: Path,
    table: PostcodeTable,
    grid: PostcodeGrid,
    positions: "_Positions | None",
    progress: Progress | None,
) -> Counter[RowOutcome]:
    columns = table.columns
    pick = itemgetter(columns.postcode, columns.constituency, columns.terminated)
    counts: Counter[RowOutcome] = Counter()
    row: list[str] = []
    first_bad_line = 0
    for number, row in enumerate(table.rows, 1):
        outcome = RowOutcome.MALFORMED if len(row) < table.width else grid.add(*pick(row))
        counts[outcome] += 1
        if outcome is RowOutcome.FOUND and positions:
            positions.add(row)
        elif outcome is RowOutcome.MALFORMED:
            first_bad_line = first_bad_line or table.line()
        if progress and not number % _ROWS_BETWEEN_REPORTS:
            progress(table.position(), table.total)
    if len(row) < table.width and row:
        raise refused(source, f"ends in the middle of line {table.line()}.")
    _check(source, counts, first_bad_line)
    if progress:
        progress(table.total, table.total)
    return counts


def _check(source: Path, counts: Counter[RowOutcome], first_bad_line: int) -> None:
    read = counts.total()
    if not read:
        raise refused(source, "has a first line with columns, and no postcodes below it.")
    malformed = counts[RowOutcome.MALFORMED]
    if 2 * malformed > read:
        message = f"{malformed} of {read} rows cannot be used, first line {first_bad_line}."
        raise refused(source, message)
    if not any(counts[outcome] for outcome in _IN_DIRECTORY):
        only = " and ".join(str(outcome).replace("_", " ") for outcome in sorted(counts))
        raise refused(source, f"holds no postcode to import (only: {only}).")


class _Positions:
    """Sums up the positions and regions of the live postcodes of each constituency."""

    def __init__(self, columns: OnsColumns) -> None:
        self._columns = columns
        position = (columns.latitude, columns.longitude, columns.easting, columns.northing)
        present = [column for column in position if column is not None]
        self._pick = itemgetter(*present) if len(present) == len(position) else None
        self._sums: defaultdict[str, list[float]] = defaultdict(lambda: [0.0] * 5)
        self._regions: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def add(self, row: Sequence[str]) -> None:
        code = row[self._columns.constituency].strip()
        if self._columns.region is not None:
            self._regions[code][row[self._columns.region]] += 1
        if self._pick is None:
            return
        try:
            latitude, longitude, easting, northing = map(float, self._pick(row))
        except ValueError:  # blank, for a postcode without a grid reference
            return
        if latitude < _NO_GRID_REFERENCE:
            sums = self._sums[code]
            sums[0] += 1
            sums[1] += latitude
            sums[2] += longitude
            sums[3] += easting
            sums[4] += northing

    def region(self, code: str) -> str | None:
        """Returns the code of the region of most of a constituency's postcodes."""
        regions = self._regions.get(code)
        return regions.most_common(1)[0][0] if regions else None

    def centre(self, code: str) -> tuple[float, float, int, int] | tuple[None, None, None, None]:
        if code not in self._sums:
            return None, None, None, None
        postcodes, *sums = self._sums[code]
        latitude, longitude, easting, northing = (total / postcodes for total in sums)
        return round(latitude, 6), round(longitude, 6), round(easting), round(northing)


def _all_facts(names: Names, positions: _Positions) -> tuple[ConstituencyFacts, ...]:
    boundary_set = _boundary_set(names)
    return tuple(
        _facts(code, name, names, positions, boundary_set)
        for code, name in sorted(names.constituencies.items())
    )


def _facts(
    code: str, name: str, names: Names, positions: _Positions, boundary_set: str
) -> ConstituencyFacts:
    nation = _NATIONS[code[0]]
    region = names.regions.get(positions.region(code) or "", nation)
    latitude, longitude, easting, northing = positions.centre(code)
    return ConstituencyFacts(
        code=code,
        name=name,
        nation=nation,
        region=region if nation == "England" else nation,
        latitude=latitude,
        longitude=longitude,
        easting=easting,
        northing=northing,
        boundary_set=boundary_set,
    )


def _boundary_set(names: Names) -> str:
    """Returns '2024' or '2010' for the whole file, by its year or else by the codes in it."""
    if names.year is not None:
        return "2024" if names.year >= 2024 else "2010"
    return (
        "2024" if any(code >= _FIRST_OF_2024[code[0]] for code in names.constituencies) else "2010"
    )
