"""Reads pages of rows with encrypted columns, and decrypts and writes them.

SQLite joins each column of a page to one value. Its driver would take and release the interpreter
for each row, and wait for it each time while another thread decrypts. PostgreSQL works in processes
of its own, and is faster with plain rows.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from models import Keyring
from services.files import export_lines
from services.files.export_lines import Column, EncryptedColumn, FileFormat, PlainColumn, Sql

# Stands between the values of a page. It is random and secret: no value contains it.
_BETWEEN = secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class Part:
    """An encrypted column, or SQL for the plain columns between two of them as one text."""

    source: Sql
    column: EncryptedColumn | None = None

    def joined(self, values: Sql) -> Sql:
        """Returns SQL for SQLite that joins the values of a page, in the order of its rows."""
        if self.column is None:
            return sa.func.aggregate_strings(values, _BETWEEN)
        # SQLite joins texts alone. The cast to a text and back changes no byte. Encrypted values
        # are never empty: an empty one is NULL.
        texts = sa.func.coalesce(sa.cast(values, sa.Text), "")
        return sa.cast(sa.func.aggregate_strings(texts, _BETWEEN), sa.LargeBinary)

    def split(self, whole: Any) -> Sequence[Any]:
        """Returns the values that `joined` has joined."""
        if self.column is None:
            texts: list[str] = whole.split(_BETWEEN)
            return texts
        return [value or None for value in whole.split(_BETWEEN.encode())]

    def cells(self, values: Sequence[Any], form: FileFormat, keyring: Keyring) -> Sequence[str]:
        """Returns the cells for the values of a page.

        :raises Unavailable: a value cannot be decrypted
        """
        return self.column.cells(values, form, keyring) if self.column else values


def parts_of(columns: Sequence[Column], form: FileFormat, *, is_sqlite: bool) -> list[Part]:
    """Returns the parts of a line, in their order."""
    parts: list[Part] = []
    for _, group in groupby(columns, lambda column: isinstance(column, PlainColumn)):
        adjacent = tuple(group)
        plain = [column for column in adjacent if isinstance(column, PlainColumn)]
        if plain:
            parts.append(Part(export_lines.segment(plain, form, is_sqlite=is_sqlite)))
        parts += [
            Part(column.encrypted_value, column)
            for column in adjacent
            if isinstance(column, EncryptedColumn)
        ]
    return parts


def in_one_row(parts: Sequence[Part], rows: sa.Select[Any]) -> sa.Select[Any]:
    """Returns a SELECT of a page as one row, for SQLite.

    `rows` has the parts in its first columns, and a column `last`.
    """
    page = rows.subquery("page")
    joined = [part.joined(values) for part, values in zip(parts, page.c, strict=False)]
    return sa.select(*joined, sa.func.count().label("rows"), sa.func.max(page.c.last).label("last"))


def lines(
    parts: Sequence[Part], columns: Sequence[Sequence[Any]], form: FileFormat, keyring: Keyring
) -> str:
    """Returns the lines of a page with at least one row, for the values of each part.

    :raises Unavailable: a value cannot be decrypted
    """
    cells = [part.cells(values, form, keyring) for part, values in zip(parts, columns, strict=True)]
    text = f"{form.end}{form.begin}".join(map(",".join, zip(*cells, strict=True)))
    return f"{form.begin}{text}{form.end}"
