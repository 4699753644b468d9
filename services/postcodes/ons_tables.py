"""Reads the postcode directories of the Office for National Statistics, ONSPD and NSPL.

A directory is a csv, a csv.gz, or the zip that the ONS publishes. The zip has one large csv under
`Data/` (the same again in parts under `Data/multi_csv/`), and names for the codes under
`Documents/`. The names of columns and files change with every edition, so both are recognised by
their stems.
"""

import csv
import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from services.errors import Invalid
from services.postcodes.ons_names import Names, csv_members, read_names


def refused(source: Path, reason: str) -> Invalid:
    """Returns the error for a file. `reason` completes a sentence about it."""
    return Invalid.field("file", "postcode_file_invalid", f"{source}: {reason}")


@dataclass(frozen=True, slots=True)
class OnsColumns:
    """The index of each column. Optional columns are None if absent."""

    postcode: int
    constituency: int
    terminated: int
    region: int | None
    latitude: int | None
    longitude: int | None
    easting: int | None
    northing: int | None


@dataclass(frozen=True, slots=True)
class PostcodeTable:
    """An open file of postcodes.

    `rows` yields the rows after the header, `width` cells each in a whole file. `line` returns the
    line of the last row, `position` the bytes read of `total`. Only a zip has `names`.
    """

    columns: OnsColumns
    width: int
    rows: Iterator[list[str]]
    names: Names | None
    line: Callable[[], int]
    position: Callable[[], int]
    total: int


@contextmanager
def open_table(source: Path) -> Iterator[PostcodeTable]:
    """Opens a csv, csv.gz or zip.

    :raises Invalid: the file is unusable; also raised within the block, if reading shows it
    """
    try:
        with source.open("rb") as file:
            file_type = _file_type(source, file.read(4))
            file.seek(0)
            with _OPENERS[file_type](source, file) as table:
                yield table
    except EOFError as error:
        raise refused(source, "ends in the middle: it was not copied completely.") from error
    except (zipfile.BadZipFile, zlib.error, gzip.BadGzipFile) as error:
        raise refused(source, f"is damaged, so that it cannot be unpacked ({error}).") from error
    except FileNotFoundError as error:
        message = f"There is no file {source}."
        raise Invalid.field("file", "postcode_file_invalid", message) from error
    except OSError as error:
        raise refused(source, f"cannot be read: {error.strerror or error}.") from error


def _file_type(source: Path, start: bytes) -> str:
    if not start:
        raise refused(source, "is empty.")
    if source.suffix.lower() == ".zip" or start.startswith(b"PK"):
        return "zip"
    return "gz" if source.suffix.lower() == ".gz" or start.startswith(b"\x1f\x8b") else "csv"


@contextmanager
def _open_csv(source: Path, file: IO[bytes]) -> Iterator[PostcodeTable]:
    yield _table(source, file, file.tell, source.stat().st_size)


@contextmanager
def _open_gz(source: Path, file: IO[bytes]) -> Iterator[PostcodeTable]:
    with gzip.GzipFile(fileobj=file) as unpacked:
        yield _table(source, unpacked, file.tell, source.stat().st_size)


@contextmanager
def _open_zip(source: Path, file: IO[bytes]) -> Iterator[PostcodeTable]:
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(file))
            main, names = _main_csv(source, archive), read_names(archive)
            unpacked = stack.enter_context(archive.open(main))
        except RuntimeError as error:  # encrypted, or compressed in a way that zipfile cannot read
            message = f"cannot be unpacked here ({error}). Unpack it and import the csv in Data/."
            raise refused(source, message) from error
        yield _table(source, unpacked, unpacked.tell, main.file_size, names)


_OPENERS = {"csv": _open_csv, "gz": _open_gz, "zip": _open_zip}


def _table(
    source: Path,
    file: IO[bytes] | gzip.GzipFile,
    position: Callable[[], int],
    total: int,
    names: Names | None = None,
) -> PostcodeTable:
    # The columns that are read are ASCII in every edition, so a stray byte of Windows-1252
    # elsewhere does not matter. utf-8-sig drops a byte order mark.
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace", newline="")
    reader = csv.reader(text, strict=True)
    rows = _rows(source, reader, lambda: reader.line_num)
    header = next(rows, [])
    return PostcodeTable(
        columns=_columns(source, header),
        width=len(header),
        rows=rows,
        names=names,
        line=lambda: reader.line_num,
        position=position,
        total=total,
    )


def _rows(
    source: Path, reader: Iterator[list[str]], line: Callable[[], int]
) -> Iterator[list[str]]:
    try:
        yield from filter(None, reader)  # a blank line is an empty row
    except csv.Error as error:
        raise refused(source, f"line {line()} is not csv ({error}).") from error


def _columns(source: Path, header: Sequence[str]) -> OnsColumns:
    postcode = column(header, "pcds", "pcd8", "pcd7", "pcd", "pcd2")
    constituency = column(header, "pcon")
    terminated = column(header, "doterm")
    if postcode is None or constituency is None or terminated is None:
        required = {"pcds": postcode, "pcon": constituency, "doterm": terminated}
        missing = ", ".join(name for name, place in required.items() if place is None)
        message = f"is no ONSPD or NSPL csv: its first line names no column {missing}."
        raise refused(source, message)
    return OnsColumns(
        postcode=postcode,
        constituency=constituency,
        terminated=terminated,
        region=column(header, "rgn"),
        latitude=column(header, "lat"),
        longitude=column(header, "long"),
        easting=column(header, "east1m", "oseast1m"),
        northing=column(header, "north1m", "osnrth1m"),
    )


def column(header: Sequence[str], *stems: str) -> int | None:
    """Returns the index of the column with the first of these stems that occurs, or None.

    'pcon' matches pcon, pcon24cd and PCON25CD. The newest edition of a stem wins.
    """
    names = [(name.strip().lower(), place) for place, name in enumerate(header)]
    for stem in stems:
        pattern = re.compile(rf"{stem}(\d\d)?(cd)?")
        if matches := [(name, place) for name, place in names if pattern.fullmatch(name)]:
            return max(matches)[1]
    return None


def _main_csv(source: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    candidates = [
        (folders, member)
        for folders, member in csv_members(archive)
        if not folders & {"multi_csv", "documents"}
    ]
    in_data = [member for folders, member in candidates if "data" in folders]
    # A csv that somebody zipped by hand is not in a folder Data.
    members = in_data or [member for _, member in candidates]
    if not members:
        raise refused(source, "holds no csv under Data/, as a zip of ONSPD or NSPL does.")
    return max(members, key=lambda member: member.file_size)
