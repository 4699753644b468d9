"""From a published directory of the ONS to the lobby's own postcode directory."""

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
"""Is told the bytes read so far and the bytes in all."""

_ROWS_BETWEEN_REPORTS = 20_000
_IN_DIRECTORY = (RowOutcome.FOUND, RowOutcome.TERMINATED, RowOutcome.WITHOUT_CONSTITUENCY)
_LEFT_OUT = (RowOutcome.NORTHERN_IRELAND, RowOutcome.MALFORMED, RowOutcome.DUPLICATE)
_NO_GRID_REFERENCE = 99.0  # the ONS writes latitude 99.999999 where there is none
_NATIONS = {"E": "England", "S": "Scotland", "W": "Wales", "N": "Northern Ireland"}
# The first new codes of July 2024; five Scottish seats kept theirs, so that a code alone can not
# tell its boundary set.
_FIRST_OF_2024 = {"E": "E14001063", "S": "S14000060", "W": "W07000081", "N": "N05000001"}


@dataclass(frozen=True, slots=True)
class ConstituencyFacts:
    """A constituency, as the zip tells of it.

    `region` is the nation's name outside England. The place is the mean of its live postcodes in
    this import, None without any: degrees of WGS 84, and metres of the British grid (of the Irish
    grid in Northern Ireland).
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
    """What became of every row that was read.

    `read` = `found` + `terminated` + `without_constituency` + `not_in_uk_parliament` + all of
    `left_out`; the first three make up `postcodes`. `bytes` is the new directory's size.
    `constituencies` is empty unless the source was a zip.
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
    """Build the directory `target` from an ONSPD or NSPL csv, csv.gz or zip.

    The old directory is replaced in one step at the end, and stays on any failure. Postcodes of
    Northern Ireland are left out unless asked for: such use needs a licence from Land and Property
    Services.

    :raises Invalid: the source is unusable; the message names the file, and the line or column
    :raises Unavailable: the target cannot be written
    """
    grid = PostcodeGrid(northern_ireland=northern_ireland)
    with open_table(source) as table:
        places = _Places(table.columns) if table.names else None
        count = _read(source, table, grid, places, progress)
    facts = _facts(table.names, places) if table.names and places else ()
    size = file_format.write(target, grid.codes, grid.sectors)
    return ImportSummary(
        read=count.total(),
        found=count[RowOutcome.FOUND],
        terminated=count[RowOutcome.TERMINATED],
        without_constituency=count[RowOutcome.WITHOUT_CONSTITUENCY],
        not_in_uk_parliament=count[RowOutcome.NOT_IN_UK_PARLIAMENT],
        left_out={str(row): count[row] for row in _LEFT_OUT if count[row]},
        postcodes=sum(count[row] for row in _IN_DIRECTORY),
        bytes=size,
        constituencies=facts,
    )


def _read(
    source: Path,
    table: PostcodeTable,
    grid: PostcodeGrid,
    places: "_Places | None",
    progress: Progress | None,
) -> Counter[RowOutcome]:
    columns = table.columns
    pick = itemgetter(columns.postcode, columns.constituency, columns.terminated)
    count: Counter[RowOutcome] = Counter()
    row: list[str] = []
    bad_line = 0
    for number, row in enumerate(table.rows, 1):
        kind = RowOutcome.MALFORMED if len(row) < table.width else grid.take(*pick(row))
        count[kind] += 1
        if kind is RowOutcome.FOUND and places:
            places.add(row)
        elif kind is RowOutcome.MALFORMED:
            bad_line = bad_line or table.line()
        if progress and not number % _ROWS_BETWEEN_REPORTS:
            progress(table.position(), table.total)
    if len(row) < table.width and row:
        raise refused(source, f"ends in the middle of line {table.line()}.")
    _check(source, count, bad_line)
    if progress:
        progress(table.total, table.total)
    return count


def _check(source: Path, count: Counter[RowOutcome], bad_line: int) -> None:
    read = count.total()
    if not read:
        raise refused(source, "has a first line with columns, and no postcodes below it.")
    if 2 * count[RowOutcome.MALFORMED] > read:
        message = (
            f"{count[RowOutcome.MALFORMED]} of {read} rows cannot be used, first line {bad_line}."
        )
        raise refused(source, message)
    if not any(count[row] for row in _IN_DIRECTORY):
        only = " and ".join(str(row).replace("_", " ") for row in sorted(count))
        raise refused(source, f"holds no postcode to import (only: {only}).")


class _Places:
    """Where the constituencies' live postcodes lie: for the means, and for the regions."""

    def __init__(self, columns: OnsColumns) -> None:
        self._columns = columns
        place = (columns.latitude, columns.longitude, columns.easting, columns.northing)
        present = [column for column in place if column is not None]
        self._pick = itemgetter(*present) if len(present) == len(place) else None
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
        """The code of the region that most postcodes of a constituency name."""
        regions = self._regions.get(code)
        return regions.most_common(1)[0][0] if regions else None

    def centre(self, code: str) -> tuple[float, float, int, int] | tuple[None, None, None, None]:
        if code not in self._sums:
            return None, None, None, None
        postcodes, *sums = self._sums[code]
        latitude, longitude, easting, northing = (total / postcodes for total in sums)
        return round(latitude, 6), round(longitude, 6), round(easting), round(northing)


def _facts(names: Names, places: _Places) -> tuple[ConstituencyFacts, ...]:
    boundary_set = _boundary_set(names)
    return tuple(
        _facts_of(code, name, names, places, boundary_set)
        for code, name in sorted(names.constituencies.items())
    )


def _facts_of(
    code: str, name: str, names: Names, places: _Places, boundary_set: str
) -> ConstituencyFacts:
    nation = _NATIONS[code[0]]
    region = names.regions.get(places.region(code) or "", nation)
    latitude, longitude, easting, northing = places.centre(code)
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
    """'2024' or '2010', of the whole file: by its year, else by whether it has a new code."""
    if names.year is not None:
        return "2024" if names.year >= 2024 else "2010"
    return (
        "2024" if any(code >= _FIRST_OF_2024[code[0]] for code in names.constituencies) else "2010"
    )
