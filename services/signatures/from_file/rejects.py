"""Writes a CSV file of the rows that an import rejected, to be corrected and imported again.

It contains personal data, so only its owner may read it.
"""

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from services.errors import Conflict
from services.files.csv_writing import without_formula
from services.signatures.from_file.importing import FileRow

COLUMNS = ("line", "field", "reason")
Write = Callable[[Sequence[FileRow]], None]


@contextmanager
def writing(file: Path | None, header: Sequence[str]) -> Iterator[Write]:
    """Yields a function that writes the rows with problems; without a file it does nothing.

    Raises Conflict if the file exists. An import of the file ignores the columns that we add.
    """
    if file is None:
        yield _discard
        return
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise Conflict("file_exists", f"{file} exists already.") from error
    with os.fdopen(descriptor, "w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([*COLUMNS, *map(without_formula, header)])

        def write(rows: Sequence[FileRow]) -> None:
            writer.writerows(map(_line, filter(lambda row: row.problems, rows)))
            stream.flush()

        yield write


def _discard(rows: Sequence[FileRow]) -> None:
    """Writes nothing, if no report was requested."""


def _line(row: FileRow) -> list[object]:
    fields = ", ".join(problem.field for problem in row.problems)
    reasons = " ".join(problem.message for problem in row.problems)
    return [row.record.line, fields, reasons, *map(without_formula, row.record.cells)]
