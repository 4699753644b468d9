"""Reads CSV files from elsewhere, in two ways.

`open_records` is for imports of any length: a broken record is reported and does not stop the rest.
The encoding of the whole file is checked before the first record, so that an import of a file in
another encoding does not stop half-way.

`rows` is for small files that are right as a whole or refused: the first error names its line.
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

LONGEST_LINE = 100_000  # characters: ten times the longest row that can be imported
MOST_LINES = 50  # of one record: an unclosed quote must not swallow the file
DELIMITERS = ",;\t"
UTF_8 = "utf-8-sig"
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class CsvRecord:
    """The cells of a record, and the line where it begins, counted from 1.

    A record with a `problem` cannot be used; its cells are what could be read. `problem` completes
    a sentence that begins with the line.
    """

    line: int
    cells: tuple[str, ...]
    problem: str | None = None


class CsvRecords:
    """Iterates once over the records of an open file, after its header.

    `bytes_read` runs a little ahead of the records.
    """

    def __init__(self, file: Path, stream: TextIO) -> None:
        self._stream = stream
        self._line_number = 0
        self._unread: deque[tuple[int, str]] = deque()
        self._delimiter = ","
        self.size = file.stat().st_size
        self.header: tuple[str, ...] = ()
        self.header = self._read_header(file)

    @property
    def bytes_read(self) -> int:
        return self._stream.buffer.tell()

    def __iter__(self) -> Iterator[CsvRecord]:
        while (numbered_line := self._next_line()) is not None:
            number, text = numbered_line
            if text.strip():
                record = self._record(number, text)
                if any(record.cells):
                    yield record

    def _read_header(self, file: Path) -> tuple[str, ...]:
        while (numbered_line := self._next_line()) is not None:
            number, text = numbered_line
            if text.strip():
                self._delimiter = max(DELIMITERS, key=text.count)
                record = self._record(number, text)
                if record.problem:
                    message = f"{file}, line {number} {record.problem}."
                    raise Invalid("file_invalid", message)
                return record.cells
        raise Invalid("file_empty", f"{file} is empty.")

    def _record(self, number: int, text: str) -> CsvRecord:
        if len(text) > LONGEST_LINE:
            return CsvRecord(number, (text[:1000],), f"is longer than {LONGEST_LINE:,} characters")
        try:
            cells = self._cells(text) or self._cells_of_several_lines(text)
        except csv.Error as error:
            return CsvRecord(number, (text.rstrip("\n"),), f"is not CSV: {error}")
        if not self._has_width_of_header(cells):
            problem = f"has {len(cells)} cells where the header has {len(self.header)}"
            return CsvRecord(number, cells, problem)
        return CsvRecord(number, cells)

    def _cells_of_several_lines(self, text: str) -> tuple[str, ...]:
        """Reads on until the quoted cell at the end of `text` is closed.

        If the lines do not make a record together, each is read again as a record.

        :raises csv.Error: they do not
        """
        more: list[tuple[int, str]] = []
        with suppress(csv.Error):
            while len(more) < MOST_LINES and (numbered_line := self._next_line()) is not None:
                more.append(numbered_line)
                text += numbered_line[1]
                cells = self._cells(text)
                if cells and self._has_width_of_header(cells):
                    return cells
                if cells:
                    break
        self._unread.extendleft(reversed(more))
        raise csv.Error("a quote is not closed")

    def _cells(self, text: str) -> tuple[str, ...] | None:
        """Returns None if a quote is still open.

        :raises csv.Error: the text is not CSV, whatever line follows
        """
        try:
            cells = next(csv.reader([text], delimiter=self._delimiter, strict=True))
        except csv.Error as error:
            if str(error) == "unexpected end of data":
                return None
            raise
        while self.header and len(cells) > len(self.header) and not cells[-1].strip():
            cells.pop()  # empty cells that spreadsheets write for columns that were deleted
        return tuple(cell.strip() for cell in cells)

    def _has_width_of_header(self, cells: tuple[str, ...]) -> bool:
        return not self.header or len(cells) == len(self.header)

    def _next_line(self) -> tuple[int, str] | None:
        if self._unread:
            return self._unread.popleft()
        text = self._stream.readline(LONGEST_LINE + 1)
        if not text:
            return None
        self._line_number += 1
        if not text.endswith("\n"):
            while (rest := self._stream.readline(_CHUNK)) and not rest.endswith("\n"):
                pass
        return self._line_number, text


@contextmanager
def open_records(file: Path, *, encoding: str = UTF_8) -> Iterator[CsvRecords]:
    """Opens a CSV file for reading record by record.

    :raises Invalid: the file is missing or empty, its header is broken, or it is not text in this
        encoding; the message names the file
    """
    try:
        with file.open(encoding=encoding) as stream:
            _require_text(file, encoding)
            yield CsvRecords(file, stream)
    except FileNotFoundError as error:
        raise Invalid("file_missing", f"There is no file {file}.") from error
    except LookupError as error:
        raise Invalid("encoding_unknown", f"There is no encoding '{encoding}'.") from error
    except (IsADirectoryError, PermissionError) as error:
        raise _unreadable(file, error) from error


def _unreadable(file: Path, error: OSError) -> Invalid:
    return Invalid("file_unreadable", f"{file} cannot be read: {error.strerror}.")


def _require_text(file: Path, encoding: str) -> None:
    decoder, lines = codecs.getincrementaldecoder(encoding)(), 1
    with file.open("rb") as stream:
        while True:
            chunk = stream.read(_CHUNK)
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                lines += error.object[: error.start].count(b"\n")
                raise Invalid("encoding_wrong", _wrong_encoding(file, encoding, lines)) from error
            if "\0" in text:
                message = f"{file} is not CSV. If it is a spreadsheet, save it as CSV (UTF-8)."
                raise Invalid("file_invalid", message)
            if not chunk:
                return
            lines += text.count("\n")


def _wrong_encoding(file: Path, encoding: str, line: int) -> str:
    if encoding == UTF_8:
        return (
            f"{file}, line {line}: not UTF-8 text. Save it as 'CSV UTF-8', or, if it comes "
            "from an older spreadsheet, try --encoding cp1252."
        )
    return f"{file}, line {line}: not {encoding} text."


def rows(file: Path, *, needed: set[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yields the line number and the trimmed cells, by column, of each row of a UTF-8 file.

    :raises Invalid: the file lacks a column of `needed` or is broken; the message names the file
        and the line
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            yield from _rows(file, csv.DictReader(stream, strict=True), needed)
    except FileNotFoundError as error:
        raise Invalid("file_missing", f"There is no file {file}.") from error
    except OSError as error:
        raise _unreadable(file, error) from error
    except UnicodeDecodeError as error:
        message = f"{file} is not UTF-8 text. Save it as 'CSV UTF-8'."
        raise Invalid("file_unreadable", message) from error


def _rows(
    file: Path, reader: "csv.DictReader[str]", needed: set[str]
) -> Iterator[tuple[int, dict[str, str]]]:
    missing = sorted(needed - set(reader.fieldnames or ()))
    if missing:
        raise Invalid("columns_missing", f"{file} lacks the columns {', '.join(missing)}.")
    try:
        for row in reader:
            if None in row or None in row.values():
                refuse(file, reader.line_num, "has another number of cells than the header")
            if any("\0" in value for value in row.values()):  # PostgreSQL cannot store it
                refuse(file, reader.line_num, "has a NUL character")
            yield reader.line_num, {name: value.strip() for name, value in row.items()}
    except csv.Error as error:
        refuse(file, reader.reader.line_num, f"is not CSV: {error}")


def refuse(file: Path, line: int, problem: str) -> NoReturn:
    """Raises Invalid for one line. `problem` completes a sentence about it."""
    raise Invalid("line_invalid", f"{file}, line {line}: {problem}.")
