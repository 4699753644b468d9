"""Makes SQL that writes rows as lines of CSV or JSON, and decrypts encrypted columns for them.

The database itself formats plain columns, which is several times as fast as fetching rows and
formatting them in Python. Encrypted columns can only be decrypted in Python. SQLite and PostgreSQL
write exactly the same lines.
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
from services.files.csv_writing import FORMULA_STARTS, TEXT_MARK, csv_cells

Sql = sa.ColumnElement[Any]
_json = json.JSONEncoder(ensure_ascii=False).encode
_NULL: Sql = sa.literal_column("'null'")


class FileFormat(StrEnum):
    """The format of a file. A JSON line is an object with the column names of the CSV as keys."""

    CSV = "csv"
    JSONL = "jsonl"

    @property
    def begin(self) -> str:
        """Returns what each line begins with."""
        return "" if self is FileFormat.CSV else "{"

    @property
    def end(self) -> str:
        """Returns what each line ends with. CSV has CRLF (RFC 4180)."""
        return "\r\n" if self is FileFormat.CSV else "}\n"


class ColumnKind(Enum):
    """What a column contains, which decides how it is formatted.

    A WORD is an identifier of our own, such as a state, and never needs quotes. WORD and ID are
    never NULL.
    """

    ID = "id"
    WORD = "word"
    TEXT = "text"
    NUMBER = "number"
    FLAG = "flag"
    MOMENT = "moment"


@dataclass(frozen=True, slots=True)
class PlainColumn:
    """A column that the database formats."""

    name: str
    kind: ColumnKind
    source: Sql


@dataclass(frozen=True, slots=True)
class EncryptedColumn:
    """A column that is decrypted with the keyring.

    `convert` turns the decrypted text into what the file shows. Rows for which `only_if` is not
    true have an empty value, and their data never leaves the database.
    """

    name: str
    source: sa.Column[Any]
    convert: Callable[[str], str] | None = None
    only_if: Sql | None = None

    @property
    def encrypted_value(self) -> Sql:
        """The encrypted bytes as SQL, NULL if `only_if` forbids them."""
        value: Sql = sa.type_coerce(self.source, sa.LargeBinary)
        return value if self.only_if is None else sa.case((self.only_if, value))

    def cells(
        self, values: Sequence[bytes | None], form: FileFormat, keyring: Keyring
    ) -> list[str]:
        """Returns the cells for encrypted values, in JSON with the column's name.

        :raises Unavailable: a value cannot be decrypted
        """
        texts = self._decrypt(values, keyring)
        if self.convert is not None:
            texts = [None if text is None else self.convert(text) for text in texts]
        if form is FileFormat.CSV:
            return csv_cells([text or "" for text in texts])
        head = f"{_json(self.name)}:"
        return [head + ("null" if text is None else _json(text)) for text in texts]

    def _decrypt(self, values: Sequence[bytes | None], keyring: Keyring) -> list[str | None]:
        column_type = self.source.type
        assert isinstance(column_type, PrivateText)  # noqa: S101 - all encrypted columns have it
        try:
            return keyring.texts_of(values, column_type.purpose)
        except ValueError as error:
            raise sealed_data() from error


def sealed_data() -> Unavailable:
    """Returns the error for data that cannot be decrypted."""
    message = "Some personal data does not open: was it kept under another secret key?"
    return Unavailable("personal_data_sealed", message)


Column = PlainColumn | EncryptedColumn


def segment(columns: Sequence[PlainColumn], form: FileFormat, *, is_sqlite: bool) -> Sql:
    """Returns SQL for some adjacent columns as one text, separated by commas."""
    return _format_row(columns, form, "", "", is_sqlite)


def line(columns: Sequence[PlainColumn], form: FileFormat, *, is_sqlite: bool) -> Sql:
    """Returns SQL for all columns as a whole line."""
    return _format_row(columns, form, form.begin, form.end, is_sqlite)


def _format_row(
    columns: Sequence[PlainColumn], form: FileFormat, begin: str, end: str, is_sqlite: bool
) -> Sql:
    # One call of printf or format per row: the operator || would copy the text for each cell.
    patterns, values = [], []
    for column in columns:
        cell = _csv_cell if form is FileFormat.CSV else _json_value
        pattern, *cell_values = cell(column.kind, column.source, is_sqlite)
        name = "" if form is FileFormat.CSV else f"{_json(column.name)}:"
        patterns.append(name + pattern)
        values += cell_values
    row_pattern = sa.literal(begin + ",".join(patterns) + end, sa.Text)
    format_text = sa.func.printf if is_sqlite else sa.func.format
    return format_text(row_pattern, *values, type_=sa.Text)


def _csv_cell(kind: ColumnKind, source: Sql, is_sqlite: bool) -> tuple[Any, ...]:
    """Returns a pattern for printf or format, and its values. NULL makes an empty cell."""
    if kind is ColumnKind.ID:
        return _id(source, is_sqlite)
    if kind is ColumnKind.TEXT:
        return _quoted_cell(source, is_sqlite)
    if kind is ColumnKind.FLAG:
        return "%s", _flag(source, yes="yes", no="no")
    return "%s", _moment(source, is_sqlite) if kind is ColumnKind.MOMENT else source


def _json_value(kind: ColumnKind, source: Sql, is_sqlite: bool) -> tuple[Any, ...]:
    """Returns a pattern for printf or format, and its values. NULL makes `null`."""
    if kind is ColumnKind.ID:
        pattern, *values = _id(source, is_sqlite)
        return f'"{pattern}"', *values
    if kind is ColumnKind.TEXT:
        if is_sqlite:
            return "%s", sa.func.json_quote(source)
        return "%s", sa.func.coalesce(sa.cast(sa.func.to_json(source), sa.Text), _NULL)
    if kind is ColumnKind.FLAG:
        return "%s", sa.func.coalesce(_flag(source, yes="true", no="false"), _NULL)
    if kind is ColumnKind.NUMBER:
        return "%s", sa.func.coalesce(sa.cast(source, sa.Text), _NULL)
    if kind is ColumnKind.WORD:
        return '"%s"', source
    return "%s", sa.func.coalesce(_moment(source, is_sqlite, '"'), _NULL)


def _id(source: Sql, is_sqlite: bool) -> tuple[Any, ...]:
    if not is_sqlite:
        return "%s", source
    # SQLite stores the digits without hyphens.
    digits = sa.type_coerce(source, sa.Text)
    parts = [sa.func.substr(digits, place) for place in (9, 13, 17, 21)]
    return "%.8s-%.4s-%.4s-%.4s-%s", digits, *parts


def _moment(source: Sql, is_sqlite: bool, quote: str = "") -> Sql:
    """Returns SQL for a time in RFC 3339, UTC, to the second: `2026-07-01T12:00:00Z`.

    The time zone of the database session does not matter. NULL stays NULL, also with a `quote`.
    """
    if not is_sqlite:
        escaped_quote = quote and f"\\{quote}"
        pattern = f'{escaped_quote}YYYY-MM-DD"T"HH24:MI:SS"Z"{escaped_quote}'
        return sa.func.to_char(sa.func.timezone("UTC", source), pattern)
    stored_text = sa.type_coerce(source, sa.Text)
    text: Sql = sa.func.replace(sa.func.substr(stored_text, 1, 19), " ", "T")
    if quote:
        text = sa.literal(quote, sa.Text).concat(text)
    return text.concat(f"Z{quote}")


def sortable_time(source: Sql, *, is_sqlite: bool) -> Sql:
    """Returns SQL for a time in UTC, to the microsecond: `2026-07-01 12:00:00.000000`."""
    if is_sqlite:
        return sa.type_coerce(source, sa.Text)
    return sa.func.to_char(
        sa.func.timezone("UTC", source), "YYYY-MM-DD HH24:MI:SS.US", type_=sa.Text
    )


def _flag(source: Sql, *, yes: str, no: str) -> Sql:
    # NULL stays NULL.
    return sa.case({sa.true(): yes, sa.false(): no}, value=source)


def _quoted_cell(source: Sql, is_sqlite: bool) -> tuple[Any, ...]:
    """Does in SQL what `csv_writing.csv_cell` does. NULL makes an empty pair of quotes."""
    first = sa.func.unicode(source) if is_sqlite else sa.func.ascii(source)
    is_formula = first.in_([ord(letter) for letter in FORMULA_STARTS])
    opening = sa.case((is_formula, f'"{TEXT_MARK}'), else_='"')
    if is_sqlite:
        # %w doubles the quotes, but writes NULL as a word.
        return '%s%w"', opening, sa.func.coalesce(source, "")
    return '%s%s"', opening, sa.func.replace(source, '"', '""')
