"""Rows as CSV that a spreadsheet can open without harm."""

import csv
import io
from collections.abc import Iterable, Sequence


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A line of names and a line a row, with CRLF (RFC 4180); None is an empty cell."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(columns)
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return stream.getvalue()


def two_digits(value: float | None) -> str:
    """`12.3` -> `12.30`; nothing where there is none."""
    return "" if value is None else f"{value:.2f}"


def _harmless(cell: object) -> object:
    """A spreadsheet must not take a text from elsewhere for a formula."""
    is_formula = isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r")
    return f"'{cell}" if is_formula else cell
