"""The table of a chart: the same rows on the page and as a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup, escape

from services.common import times
from services.files.csv_writing import csv_text

Cell = str | int | date | None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of raw values under columns. The first cell of a row names it."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    @property
    def html(self) -> Markup:
        """Returns the head and the body of the table, for between its tags."""
        head = Markup("").join(
            Markup('<th scope="col"{}>{}</th>').format(_number_class(index > 0), name)
            for index, name in enumerate(self.columns)
        )
        # A long table is put together as text: its cells are numbers, days and escaped words.
        body = "\n".join(_line(row) for row in self.rows)
        return Markup("<thead><tr>{}</tr></thead>\n<tbody>\n{}\n</tbody>").format(
            head,
            Markup(body),  # noqa: S704 - each cell is escaped
        )

    @property
    def csv(self) -> str:
        """Returns the same rows as CSV: `MPs in all` -> `mps_in_all`, and days as 2026-11-30."""
        return csv_text([name.lower().replace(" ", "_") for name in self.columns], self.rows)


def _number_class(is_number: bool) -> Markup:
    return Markup(' class="number"') if is_number else Markup("")


def _line(row: Sequence[Cell]) -> str:
    name, *values = row
    cells = "".join(f'<td class="number">{_text(value)}</td>' for value in values)
    return f'<tr><th scope="row">{_text(name)}</th>{cells}</tr>'


def _text(cell: Cell) -> str:
    if isinstance(cell, int):
        return f"{cell:,}"
    if isinstance(cell, date):
        return times.day(cell)
    return str(escape(cell or ""))
