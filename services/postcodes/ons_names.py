"""The names of constituencies and regions, from the `Documents/` of an ONSPD or NSPL zip.

The files are called such as 'Westminster Parliamentary Constituency names and codes UK as at
12_24.csv', in ever other spellings, so that they are told by their columns: PCON24CD and PCON24NM.
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

# Unchanged since 2009; for a zip that does not name them.
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
    """Names by GSS code. `year` is that of the constituencies' column; None where it has none."""

    constituencies: Mapping[str, str]
    regions: Mapping[str, str]
    year: int | None


def is_constituency(code: str) -> bool:
    """Whether a GSS code is a seat's, by its shape."""
    return _REAL_CODE.fullmatch(code) is not None


def is_pseudo_code(code: str) -> bool:
    """Whether a GSS code says that there is none: E99999999, L99999999 (Channel Islands) ..."""
    return _PSEUDO_CODE.fullmatch(code) is not None


def csv_members(archive: zipfile.ZipFile) -> Iterator[tuple[set[str], zipfile.ZipInfo]]:
    """Each csv in a zip, with the folders above it in lower case."""
    for member in archive.infolist():
        path = PurePosixPath(member.filename.lower())
        if path.suffix == ".csv" and "__macosx" not in path.parts:
            yield set(path.parts[:-1]), member


def read_names(archive: zipfile.ZipFile) -> Names:
    """All names in a zip; none at all where it comes without them."""
    seats = _newest(archive, "pcon")
    regions = _newest(archive, "rgn")
    named = _pairs(archive, seats) if seats else {}
    return Names(
        constituencies={code: name for code, name in named.items() if is_constituency(code)},
        regions=_REGIONS | (_pairs(archive, regions) if regions else {}),
        year=seats.year or None if seats else None,
    )


@dataclass(frozen=True, order=True, slots=True)
class _Edition:
    """A names-and-codes file and where its two columns stand. `year` is 0 where unknown."""

    year: int
    filename: str
    code: int
    name: int


def _newest(archive: zipfile.ZipFile, stem: str) -> _Edition | None:
    found = (
        _edition(archive, member, stem)
        for folders, member in csv_members(archive)
        if "data" not in folders
    )
    return max(filter(None, found), default=None)


def _edition(archive: zipfile.ZipFile, member: zipfile.ZipInfo, stem: str) -> _Edition | None:
    with archive.open(member) as file:
        first_line = _decoded(file.readline(65536))
    header = [name.strip().upper() for name in next(csv.reader([first_line]), [])]
    for code, column in enumerate(header):
        if match := re.fullmatch(rf"{stem.upper()}(\d\d)?CD", column):
            name = column.removesuffix("CD") + "NM"
            if name in header:
                year = 2000 + int(match[1]) if match[1] else 0
                return _Edition(year, member.filename, code, header.index(name))
    return None


def _pairs(archive: zipfile.ZipFile, edition: _Edition) -> dict[str, str]:
    rows = csv.reader(io.StringIO(_decoded(archive.read(edition.filename)), newline=""))
    next(rows)
    enough = max(edition.code, edition.name)
    return {
        row[edition.code].strip(): row[edition.name].strip() for row in rows if len(row) > enough
    }


def _decoded(data: bytes) -> str:
    # The ONS writes some files in UTF-8 and some (the Welsh circumflex) in the Windows code page.
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")
