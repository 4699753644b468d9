"""CSV files from others: columns by name, and every complaint with its line."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from lobby.services.errors import Invalid


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
