"""Writes values of Python as lines of CSV or JSON, exactly as the database writes its own.

`services.files.export_lines` has the formats. This is for rows that the database cannot format,
because they are encrypted as a whole.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from services.files.csv_writing import csv_cell
from services.files.export_lines import Column, ColumnKind, EncryptedColumn, FileFormat

_json = json.JSONEncoder(ensure_ascii=False).encode


def lines(columns: Sequence[Column], rows: Iterable[Mapping[str, Any]], form: FileFormat) -> str:
    """Returns a line per row. A row has a value for the name of each column, or None."""
    write = _csv_cell if form is FileFormat.CSV else _json_value
    heads = ["" if form is FileFormat.CSV else f"{_json(column.name)}:" for column in columns]
    kinds = [
        ColumnKind.TEXT if isinstance(column, EncryptedColumn) else column.kind
        for column in columns
    ]
    names = [column.name for column in columns]
    return "".join(
        form.begin
        + ",".join(
            head + write(kind, row[name])
            for head, kind, name in zip(heads, kinds, names, strict=True)
        )
        + form.end
        for row in rows
    )


def _csv_cell(kind: ColumnKind, value: Any) -> str:
    if kind is ColumnKind.TEXT:
        return csv_cell(value or "")
    if value is None:
        return ""
    if kind is ColumnKind.FLAG:
        return "yes" if value else "no"
    return _moment(value) if kind is ColumnKind.MOMENT else str(value)


def _json_value(kind: ColumnKind, value: Any) -> str:
    if value is None:
        return "null"
    if kind is ColumnKind.MOMENT:
        value = _moment(value)
    return _json(value if kind in (ColumnKind.FLAG, ColumnKind.NUMBER) else str(value))


def _moment(value: datetime) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
