"""How a row becomes a line of a file: CSV or JSON lines, written by the database or by us.

The database writes what it holds in plain, whole texts at a time: several times as fast as rows
that are taken apart, named and put together again here. Sealed columns only we can open. Both
write alike, so that a file does not tell which database it came from.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any

import sqlalchemy as sa

from models import Keyring
from models.encryption import PrivateText
from services.errors import Unavailable
from services.files.csv_writing import FORMULA_STARTS, HARMLESS, csv_cell

Sql = sa.ColumnElement[Any]
_json = json.JSONEncoder(ensure_ascii=False).encode
_NULL: Sql = sa.literal_column("'null'")


class FileFormat(StrEnum):
    """Of a file. A line of JSON is an object with the names of the CSV's columns."""

    CSV = "csv"
    JSONL = "jsonl"

    @property
    def begin(self) -> str:
        """What a line begins with."""
        return "" if self is FileFormat.CSV else "{"

    @property
    def end(self) -> str:
        """What a line ends with: CRLF is CSV's (RFC 4180)."""
        return "\r\n" if self is FileFormat.CSV else "}\n"


class Kind(Enum):
    """What a column holds. A word is one of ours: nothing in it has to be quoted, ever, and it is
    never NULL, as an id is not."""

    ID = "id"
    WORD = "word"
    TEXT = "text"
    NUMBER = "number"
    FLAG = "flag"
    MOMENT = "moment"


@dataclass(frozen=True, slots=True)
class Plain:
    """A column that the database writes by itself."""

    name: str
    kind: Kind
    source: Sql


@dataclass(frozen=True, slots=True)
class Sealed:
    """A column that only the keyring opens. `shown` makes of what is stored what is told; where
    `only_if` is not true, the database does not even hand it over."""

    name: str
    source: sa.Column[Any]
    shown: Callable[[str], str] | None = None
    only_if: Sql | None = None

    @property
    def stored(self) -> Sql:
        """Its bytes as they lie in the database."""
        stored: Sql = sa.type_coerce(self.source, sa.LargeBinary)
        return stored if self.only_if is None else sa.case((self.only_if, stored))

    def cells(
        self, sealed: Sequence[bytes | None], form: FileFormat, keyring: Keyring
    ) -> list[str]:
        """As they stand in a line, name and all. Unavailable where one does not open."""
        texts = self._opened(sealed, keyring)
        if self.shown is not None:
            texts = [None if text is None else self.shown(text) for text in texts]
        if form is FileFormat.CSV:
            return [csv_cell(text or "") for text in texts]
        head = f"{_json(self.name)}:"
        return [head + ("null" if text is None else _json(text)) for text in texts]

    def _opened(self, sealed: Sequence[bytes | None], keyring: Keyring) -> list[str | None]:
        kind = self.source.type
        assert isinstance(kind, PrivateText)  # noqa: S101 - the only sealed columns that there are
        purpose, opened = kind.purpose, keyring.text_of
        try:
            return [None if value is None else opened(value, purpose) for value in sealed]
        except ValueError as error:
            message = "Some personal data does not open: was it kept under another secret key?"
            raise Unavailable("personal_data_sealed", message) from error


Column = Plain | Sealed


def segment(columns: Sequence[Plain], form: FileFormat, *, is_sqlite: bool) -> Sql:
    """Neighbouring columns as one text, with commas between them."""
    return _put_together(columns, form, "", "", is_sqlite)


def line(columns: Sequence[Plain], form: FileFormat, *, is_sqlite: bool) -> Sql:
    """All columns as a whole line."""
    return _put_together(columns, form, form.begin, form.end, is_sqlite)


def _put_together(
    columns: Sequence[Plain], form: FileFormat, begin: str, end: str, is_sqlite: bool
) -> Sql:
    """One call for a line: texts that are joined one by one are copied each time."""
    patterns, values = [], []
    for column in columns:
        cell = _csv_cell if form is FileFormat.CSV else _json_value
        pattern, *its_values = cell(column.kind, column.source, is_sqlite)
        name = "" if form is FileFormat.CSV else f"{_json(column.name)}:"
        patterns.append(name + pattern)
        values += its_values
    pattern = sa.literal(begin + ",".join(patterns) + end, sa.Text)
    put_together = sa.func.printf if is_sqlite else sa.func.format
    return put_together(pattern, *values, type_=sa.Text)


def _csv_cell(kind: Kind, source: Sql, is_sqlite: bool) -> tuple[Any, ...]:
    """A pattern and what fills it; NULL fills it with nothing, which is an empty cell."""
    if kind is Kind.ID:
        return _id(source, is_sqlite)
    if kind is Kind.TEXT:
        return _quoted_cell(source, is_sqlite)
    if kind is Kind.FLAG:
        return "%s", _word_for(source, yes="yes", no="no")
    return "%s", _moment(source, is_sqlite) if kind is Kind.MOMENT else source


def _json_value(kind: Kind, source: Sql, is_sqlite: bool) -> tuple[Any, ...]:
    """A pattern and what fills it."""
    if kind is Kind.ID:
        pattern, *values = _id(source, is_sqlite)
        return f'"{pattern}"', *values
    if kind is Kind.TEXT:
        if is_sqlite:
            return "%s", sa.func.json_quote(source)
        return "%s", sa.func.coalesce(sa.cast(sa.func.to_json(source), sa.Text), _NULL)
    if kind is Kind.FLAG:
        return "%s", sa.func.coalesce(_word_for(source, yes="true", no="false"), _NULL)
    if kind is Kind.NUMBER:
        return "%s", sa.func.coalesce(sa.cast(source, sa.Text), _NULL)
    if kind is Kind.WORD:
        return '"%s"', source
    return "%s", sa.func.coalesce(_moment(source, is_sqlite, '"'), _NULL)


def _id(source: Sql, is_sqlite: bool) -> tuple[Any, ...]:
    """SQLite holds the digits alone."""
    if not is_sqlite:
        return "%s", source
    digits = sa.type_coerce(source, sa.Text)
    parts = [sa.func.substr(digits, place) for place in (9, 13, 17, 21)]
    return "%.8s-%.4s-%.4s-%.4s-%s", digits, *parts


def _moment(source: Sql, is_sqlite: bool, quote: str = "") -> Sql:
    """RFC 3339 in UTC, to the second, whatever the zone of the session: `2026-07-01T12:00:00Z`.

    NULL stays NULL, also where it would be between quotes.
    """
    if not is_sqlite:
        around = quote and f"\\{quote}"
        pattern = f'{around}YYYY-MM-DD"T"HH24:MI:SS"Z"{around}'
        return sa.func.to_char(sa.func.timezone("UTC", source), pattern)
    stored = sa.type_coerce(source, sa.Text)
    text: Sql = sa.func.replace(sa.func.substr(stored, 1, 19), " ", "T")
    if quote:
        text = sa.literal(quote, sa.Text).concat(text)
    return text.concat(f"Z{quote}")


def _word_for(source: Sql, *, yes: str, no: str) -> Sql:
    """NULL stays NULL."""
    return sa.case({sa.true(): yes, sa.false(): no}, value=source)


def _quoted_cell(source: Sql, is_sqlite: bool) -> tuple[Any, ...]:
    """As `csv_writing.csv_cell`; for NULL a pair of quotes with nothing between them."""
    first = sa.func.unicode(source) if is_sqlite else sa.func.ascii(source)
    is_formula = first.in_([ord(letter) for letter in FORMULA_STARTS])
    opening = sa.case((is_formula, f'"{HARMLESS}'), else_='"')
    if is_sqlite:
        # %w doubles the quotes; of NULL it would make a word.
        return '%s%w"', opening, sa.func.coalesce(source, "")
    return '%s%s"', opening, sa.func.replace(source, '"', '""')
