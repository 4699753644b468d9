"""Reading the postcode directories of the Office for National Statistics, ONSPD and NSPL.

They come as csv, csv.gz, or the zip that the ONS publishes: one large csv under `Data/` (the same
again in parts under `Data/multi_csv/`), and names for the codes under `Documents/`. The names of
columns and of files change with every edition, so that both are told by their stems.
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


def refused(source: Path, why: str) -> Invalid:
    """`why` completes a sentence about the file."""
    return Invalid.field("file", "postcode_file_invalid", f"{source}: {why}")


@dataclass(frozen=True, slots=True)
class OnsColumns:
    """Where each column stands; None for one that is absent and can be done without."""

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
    """An open source. `rows` are the data rows as read; `names` is None but for a zip.

    `line` and `position` tell of the row read last: its line, and the bytes read of `total`.
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
    """Open a csv, csv.gz or zip.

    :raises Invalid: also from within the block, for what only shows while reading
    """
    try:
        with source.open("rb") as file:
            kind = _kind(source, file.read(4))
            file.seek(0)
            with _OPENERS[kind](source, file) as table:
                yield table
    except EOFError as error:
        raise refused(source, "ends in the middle: it was not copied completely.") from error
    except (zipfile.BadZipFile, zlib.error, gzip.BadGzipFile) as error:
        raise refused(source, f"is damaged, so that it cannot be unpacked ({error}).") from error
    except OSError as error:
        raise refused(source, f"cannot be read: {error.strerror or error}.") from error


def _kind(source: Path, start: bytes) -> str:
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
        except RuntimeError as error:  # encrypted, or packed by a method that zipfile lacks
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
    # The columns read are plain ASCII in every edition, so that a stray byte of cp1252 elsewhere
    # needs no second reading; utf-8-sig drops a byte order mark.
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
        wanted = {"pcds": postcode, "pcon": constituency, "doterm": terminated}
        missing = ", ".join(name for name, place in wanted.items() if place is None)
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
    """Where the first stem that occurs stands: 'pcon' finds pcon, pcon24cd and PCON25CD.

    Of several editions of one stem the newest is taken.
    """
    names = [(name.strip().lower(), place) for place, name in enumerate(header)]
    for stem in stems:
        pattern = re.compile(rf"{stem}(\d\d)?(cd)?")
        if found := [(name, place) for name, place in names if pattern.fullmatch(name)]:
            return max(found)[1]
    return None


def _main_csv(source: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    whole = [
        (folders, member)
        for folders, member in csv_members(archive)
        if not folders & {"multi_csv", "documents"}
    ]
    # One csv zipped by hand has no folder Data around it.
    found = [member for folders, member in whole if "data" in folders] or [m for _, m in whole]
    if not found:
        raise refused(source, "holds no csv under Data/, as a zip of ONSPD or NSPL does.")
    return max(found, key=lambda member: member.file_size)
