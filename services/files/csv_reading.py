"""CSV files from anywhere, record by record: one that is broken is told and spoils no other.

Whether the file is text at all is found out before the first record, so that an import of a file in
another encoding does not stop half-way. `services.files.csv_reading` is for files that are whole or
wrong.

CSV files from others: columns by name, and every complaint with its line.
"""

import codecs
import csv
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TextIO

from services.errors import Invalid

LONGEST_LINE = 100_000  # characters: ten times the longest row that we take
MOST_LINES = 50  # of one record: a quote that is never closed must not swallow the file
DELIMITERS = ",;\t"
UTF_8 = "utf-8-sig"
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Record:
    """The cells of a record, and the line on which it begins, counted from 1. With a `problem` it
    is none, and the cells are what can be read of it."""

    line: int
    cells: tuple[str, ...]
    problem: str | None = None


class CsvRecords:
    """The records of an open file behind its header, once. `bytes_read` runs a little ahead."""

    def __init__(self, file: Path, stream: TextIO) -> None:
        self._stream = stream
        self._number = 0
        self._waiting: deque[tuple[int, str]] = deque()
        self._delimiter = ","
        self.size = file.stat().st_size
        self.header: tuple[str, ...] = ()
        self.header = self._read_header(file)

    @property
    def bytes_read(self) -> int:
        """For a progress bar, of `size`."""
        return self._stream.buffer.tell()

    def __iter__(self) -> Iterator[Record]:
        while (found := self._next_line()) is not None:
            number, text = found
            if text.strip():
                record = self._record(number, text)
                if any(record.cells):
                    yield record

    def _read_header(self, file: Path) -> tuple[str, ...]:
        while (found := self._next_line()) is not None:
            number, text = found
            if text.strip():
                self._delimiter = max(DELIMITERS, key=text.count)
                record = self._record(number, text)
                if record.problem:
                    message = f"{file.name}, line {number} {record.problem}."
                    raise Invalid("file_invalid", message)
                return record.cells
        raise Invalid("file_empty", f"{file.name} is empty.")

    def _record(self, number: int, text: str) -> Record:
        if len(text) > LONGEST_LINE:
            return Record(number, (text[:1000],), f"is longer than {LONGEST_LINE:,} characters")
        try:
            cells = self._cells(text) or self._joined(text)
        except csv.Error as error:
            return Record(number, (text.rstrip("\n"),), f"is not CSV: {error}")
        if not self._fits(cells):
            what = f"has {len(cells)} cells where the header has {len(self.header)}"
            return Record(number, cells, what)
        return Record(number, cells)

    def _joined(self, text: str) -> tuple[str, ...]:
        """A record whose quoted cell goes on in the next lines. If that comes to nothing, those are
        read again as records of their own."""
        more: list[tuple[int, str]] = []
        with suppress(csv.Error):
            while len(more) < MOST_LINES and (line := self._next_line()) is not None:
                more.append(line)
                text += line[1]
                cells = self._cells(text)
                if cells and self._fits(cells):
                    return cells
                if cells:
                    break
        self._waiting.extendleft(reversed(more))
        raise csv.Error("a quote is not closed")

    def _cells(self, text: str) -> tuple[str, ...] | None:
        """None where a quote is still open; csv.Error for what no further line can mend."""
        try:
            cells = next(csv.reader([text], delimiter=self._delimiter, strict=True))
        except csv.Error as error:
            if str(error) == "unexpected end of data":
                return None
            raise
        while self.header and len(cells) > len(self.header) and not cells[-1].strip():
            cells.pop()  # a spreadsheet that was once wider
        return tuple(cell.strip() for cell in cells)

    def _fits(self, cells: tuple[str, ...]) -> bool:
        return not self.header or len(cells) == len(self.header)

    def _next_line(self) -> tuple[int, str] | None:
        if self._waiting:
            return self._waiting.popleft()
        text = self._stream.readline(LONGEST_LINE + 1)
        if not text:
            return None
        self._number += 1
        if not text.endswith("\n"):
            while (rest := self._stream.readline(_CHUNK)) and not rest.endswith("\n"):
                pass
        return self._number, text


@contextmanager
def opened(file: Path, *, encoding: str = UTF_8) -> Iterator[CsvRecords]:
    """The records of a file that is text in this encoding. Invalid, with its name, where it is not,
    or has no header."""
    try:
        with file.open(encoding=encoding) as stream:
            _require_text(file, encoding)
            yield CsvRecords(file, stream)
    except FileNotFoundError as error:
        raise Invalid("file_missing", f"There is no file {file.name}.") from error
    except LookupError as error:
        raise Invalid("encoding_unknown", f"There is no encoding '{encoding}'.") from error
    except (IsADirectoryError, PermissionError) as error:
        raise Invalid(
            "file_unreadable", f"{file.name} cannot be read: {error.strerror}."
        ) from error


def _require_text(file: Path, encoding: str) -> None:
    decoder, lines = codecs.getincrementaldecoder(encoding)(), 1
    with file.open("rb") as stream:
        while True:
            chunk = stream.read(_CHUNK)
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                lines += error.object[: error.start].count(b"\n")
                raise Invalid("encoding_wrong", _not_in(file, encoding, lines)) from error
            if "\0" in text:
                message = f"{file.name} is not CSV. If it is a spreadsheet, save it as CSV (UTF-8)."
                raise Invalid("file_invalid", message)
            if not chunk:
                return
            lines += text.count("\n")


def _not_in(file: Path, encoding: str, line: int) -> str:
    if encoding == UTF_8:
        return (
            f"{file.name}, line {line}: not UTF-8 text. Save it as 'CSV UTF-8', or, if it comes "
            "from an older spreadsheet, try --encoding cp1252."
        )
    return f"{file.name}, line {line}: not {encoding} text."


def rows(file: Path, *, needed: set[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """The line number and the trimmed cells of each row; Invalid names the file and the line."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            yield from _rows(file, csv.DictReader(stream, strict=True), needed)
    except FileNotFoundError as error:
        raise Invalid("file_missing", f"There is no file {file.name}.") from error
    except (OSError, UnicodeDecodeError) as error:
        reason = f"{file.name} cannot be read as UTF-8 text: {error}"
        raise Invalid("file_unreadable", reason) from error


def _rows(
    file: Path, reader: "csv.DictReader[str]", needed: set[str]
) -> Iterator[tuple[int, dict[str, str]]]:
    missing = sorted(needed - set(reader.fieldnames or ()))
    if missing:
        raise Invalid("columns_missing", f"{file.name} lacks the columns {', '.join(missing)}.")
    try:
        for row in reader:
            if None in row or None in row.values():
                refuse(file, reader.line_num, "has another number of cells than the header")
            if any("\0" in value for value in row.values()):  # PostgreSQL cannot keep it
                refuse(file, reader.line_num, "has a NUL character")
            yield reader.line_num, {name: value.strip() for name, value in row.items()}
    except csv.Error as error:
        refuse(file, reader.reader.line_num, f"is not CSV: {error}")


def refuse(file: Path, line: int, what: str) -> NoReturn:
    """Raise Invalid for one line."""
    raise Invalid("line_invalid", f"{file.name}, line {line}: {what}.")
