"""Lists on standard output: a table on a terminal, lines with tabs in a pipe, or JSON."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

UNLIMITED = 10_000  # columns
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def show(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints rows of cells.

    On a terminal this is a table with a header or, if the terminal is too narrow for it, a block of
    lines for each row. Elsewhere each row is a line with tabs between its cells, and there is no
    header, so that programs can read it.
    """
    if not sys.stdout.isatty():
        for row in rows:
            typer.echo("\t".join(row))
        return
    console, table = Console(), Table(*header, box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    cells = list(rows)
    for row in cells:
        table.add_row(*map(Text, row))  # no markup
    unlimited = console.options.update(max_width=UNLIMITED)
    is_wide = console.measure(table, options=unlimited).maximum > console.width
    console.print(_blocks(header, cells) if is_wide else table)


def _blocks(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Text:
    width = max(map(len, header))
    return Text("\n\n").join(
        Text("\n").join(
            Text.assemble((name.ljust(width), "bold"), f"  {cell}")
            for name, cell in zip(header, row, strict=True)
        )
        for row in rows
    )


def show_json(value: Any) -> None:
    """Prints a value as indented JSON."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
