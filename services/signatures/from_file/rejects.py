"""What an import could not take: a CSV of the rows as they were, to be mended and brought in again.

It holds what people wrote, so that it is for its owner's eyes only.
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
    """Takes rows and writes those that have problems; nowhere without a file. Conflict where there
    is one of that name. An import that reads it back leaves out the columns of ours."""
    if file is None:
        yield _discard
        return
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise Conflict("file_exists", f"{file.name} exists already.") from error
    with os.fdopen(descriptor, "w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([*COLUMNS, *map(without_formula, header)])

        def write(rows: Sequence[FileRow]) -> None:
            writer.writerows(map(_line, filter(lambda row: row.problems, rows)))
            stream.flush()

        yield write


def _discard(rows: Sequence[FileRow]) -> None:
    """Nobody asked for a report."""


def _line(row: FileRow) -> list[object]:
    fields = ", ".join(problem.field for problem in row.problems)
    reasons = " ".join(problem.message for problem in row.problems)
    return [row.record.line, fields, reasons, *map(without_formula, row.record.cells)]
