"""Reads the names of constituencies and regions from `Documents/` in an ONSPD or NSPL zip.

The files have names such as 'Westminster Parliamentary Constituency names and codes UK as at
12_24.csv', spelled differently in each edition. They are therefore recognised by columns such as
PCON24CD and PCON24NM.
"""

import csv
import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

_REAL_CODE = re.compile(r"[ENSW](?!99999999)\d{8}", re.ASCII)
_PSEUDO_CODE = re.compile(r"[A-Z]99999999")

# For a zip that does not name them. They have not changed since 2009.
_REGIONS = {
    "E12000001": "North East",
    "E12000002": "North West",
    "E12000003": "Yorkshire and The Humber",
    "E12000004": "East Midlands",
    "E12000005": "West Midlands",
    "E12000006": "East of England",
    "E12000007": "London",
    "E12000008": "South East",
    "E12000009": "South West",
}


@dataclass(frozen=True, slots=True)
class Names:
    """Names by GSS code. `year` is from the constituencies' column, None if that has no year."""

    constituencies: Mapping[str, str]
    regions: Mapping[str, str]
    year: int | None


def is_constituency(code: str) -> bool:
    """Returns whether a GSS code has the form of a constituency's code."""
    return _REAL_CODE.fullmatch(code) is not None


def is_pseudo_code(code: str) -> bool:
    """Returns whether a GSS code means 'no constituency', such as E99999999."""
    return _PSEUDO_CODE.fullmatch(code) is not None


def csv_members(archive: zipfile.ZipFile) -> Iterator[tuple[set[str], zipfile.ZipInfo]]:
    """Yields each csv in a zip, with the names of the folders above it in lower case."""
    for member in archive.infolist():
        path = PurePosixPath(member.filename.lower())
        if path.suffix == ".csv" and "__macosx" not in path.parts:
            yield set(path.parts[:-1]), member


def read_names(archive: zipfile.ZipFile) -> Names:
    """Reads all names in a zip. Without files of names, there are no constituencies."""
    seats_file = _newest(archive, "pcon")
    regions_file = _newest(archive, "rgn")
    seats = _names_by_code(archive, seats_file) if seats_file else {}
    regions = _names_by_code(archive, regions_file) if regions_file else {}
    return Names(
        constituencies={code: name for code, name in seats.items() if is_constituency(code)},
        regions=_REGIONS | regions,
        year=seats_file.year or None if seats_file else None,
    )


@dataclass(frozen=True, order=True, slots=True)
class _NamesFile:
    """A file of names and codes, ordered by year. `year` is 0 if unknown.

    `code_column` and `name_column` are indexes.
    """

    year: int
    filename: str
    code_column: int
    name_column: int


def _newest(archive: zipfile.ZipFile, stem: str) -> _NamesFile | None:
    candidates = (
        _names_file(archive, member, stem)
        for folders, member in csv_members(archive)
        if "data" not in folders
    )
    return max(filter(None, candidates), default=None)


def _names_file(archive: zipfile.ZipFile, member: zipfile.ZipInfo, stem: str) -> _NamesFile | None:
    with archive.open(member) as file:
        first_line = _decoded(file.readline(65536))
    header = [name.strip().upper() for name in next(csv.reader([first_line]), [])]
    for place, column in enumerate(header):
        if match := re.fullmatch(rf"{stem.upper()}(\d\d)?CD", column):
            name_column = column.removesuffix("CD") + "NM"
            if name_column in header:
                year = 2000 + int(match[1]) if match[1] else 0
                return _NamesFile(year, member.filename, place, header.index(name_column))
    return None


def _names_by_code(archive: zipfile.ZipFile, file: _NamesFile) -> dict[str, str]:
    rows = csv.reader(io.StringIO(_decoded(archive.read(file.filename)), newline=""))
    next(rows)
    last_column = max(file.code_column, file.name_column)
    return {
        row[file.code_column].strip(): row[file.name_column].strip()
        for row in rows
        if len(row) > last_column
    }


def _decoded(data: bytes) -> str:
    # The ONS writes some files in UTF-8 and some in Windows-1252: Welsh names have circumflexes.
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")
