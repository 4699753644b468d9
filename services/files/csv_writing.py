"""Rows as CSV that a spreadsheet can open without harm."""

import csv
import io
from collections.abc import Iterable, Sequence

# A cell that begins with one of these is taken for a formula (OWASP, 'CSV injection').
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
# Put in front of such a cell: spreadsheets then show it as it is.
HARMLESS = "'"


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A line of names and a line a row, with CRLF (RFC 4180); None is an empty cell."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(columns)
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return stream.getvalue()


def csv_cell(text: str) -> str:
    """One text as a quoted cell, for those who put lines together themselves."""
    quoted = without_formula(text).replace('"', '""')
    return f'"{quoted}"'


def without_formula(text: str) -> str:
    """A spreadsheet must not take a text from elsewhere for a formula."""
    return HARMLESS + text if text.startswith(FORMULA_STARTS) else text


def as_written(text: str) -> str:
    """The text that `without_formula` was given."""
    is_marked = text.startswith(HARMLESS) and text[1:].startswith(FORMULA_STARTS)
    return text[1:] if is_marked else text


def two_digits(value: float | None) -> str:
    """`12.3` -> `12.30`; nothing where there is none."""
    return "" if value is None else f"{value:.2f}"


def _harmless(cell: object) -> object:
    return without_formula(cell) if isinstance(cell, str) else cell
