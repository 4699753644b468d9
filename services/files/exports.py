"""Files of many rows: written a page at a time, so that neither memory nor a transaction grows.

Each page is a transaction of its own, which is over before the page is handed on. So who takes it
slowly, or goes away, holds no connection, no snapshot and no journal; and what the file says of a
row is what was true when its page was read. Pages follow the ids: a row that is there when the
export begins and fits it all the while is in it, once.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlmodel import Session

from models import Keyring
from services.database.engine import Database
from services.files import export_lines
from services.files.csv_writing import csv_text
from services.files.export_lines import Column, FileFormat, Plain, Sealed

# Rows a page: of one that the database writes as one text, and of one that we put together.
WRITTEN, SEALED = 10_000, 4000
_FIRST = UUID(int=0)
Chunks = Generator["Chunk", None, None]
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Export:
    """Which rows, and what is told of each.

    `rows` has the tables and the conditions but one: that `owner` is `owner_id`. `key` is the id
    that they are paged along; `has_index` tells whether an index leads from the owner along it.
    `labels` say in the log what is exported, without personal data.
    """

    key: sa.Column[Any]
    owner: sa.Column[Any]
    owner_id: UUID
    has_index: bool
    columns: tuple[Column, ...]
    rows: sa.Select[Any]
    labels: Mapping[str, object]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns."""
        return tuple(column.name for column in self.columns)

    @property
    def is_personal(self) -> bool:
        """Whether anything has to be decrypted."""
        return any(isinstance(column, Sealed) for column in self.columns)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some whole lines, and how many rows they are: one fewer than lines where a header is on."""

    content: bytes
    rows: int


@dataclass(frozen=True, slots=True)
class _ExportPage:
    """Some lines, how many, and the id of the last."""

    text: str
    rows: int
    last: str | None


_Read = Callable[[Session, UUID], _ExportPage]


def count(session: Session, export: Export) -> int:
    """How many rows there are now. Reads an index, and the rows where there are conditions."""
    counted = export.rows.with_only_columns(sa.func.count(), maintain_column_froms=True)
    owned = counted.where(export.owner == export.owner_id)
    return int(session.connection().execute(owned).scalar_one())


def chunks(
    database: Database,
    export: Export,
    form: FileFormat,
    *,
    keyring: Keyring,
    size: int | None = None,
) -> Chunks:
    """The file in parts of `size` rows, read as they are taken: at least one part, and a header in
    front of CSV. Unavailable where personal data does not open.

    The keyring is not touched where nothing personal is exported.
    """
    size = size or (SEALED if export.is_personal else WRITTEN)
    if export.is_personal:
        read = _reader_of_sealed(database, export, form, size, keyring)
    else:
        read = _reader_of_plain(database, export, form, size)
    header = csv_text(export.names, ()) if form is FileFormat.CSV else ""
    after: UUID | None = _FIRST
    while after is not None:
        with database.read() as session:
            page = read(session, after)
        after = UUID(page.last) if page.last and page.rows == size else None
        yield Chunk((header + page.text).encode(), page.rows)
        header = ""


def noted(parts: Chunks, export: Export, *, by: str, form: FileFormat) -> Chunks:
    """The same, and a line in the log when it ends: who has got what, and how many rows of it.

    Also where it ends early, which is not `whole`. `by` names who, and no person.
    """
    rows, is_whole = 0, False
    try:
        for chunk in parts:
            rows += chunk.rows
            yield chunk
        is_whole = True
    finally:
        log.info(
            "export",
            by=by,
            **export.labels,
            form=form.value,
            personal=export.is_personal,
            rows=rows,
            whole=is_whole,
        )


def _reader_of_plain(database: Database, export: Export, form: FileFormat, size: int) -> _Read:
    """The database joins a page to one text: no row of it costs us anything."""
    columns = [column for column in export.columns if isinstance(column, Plain)]
    is_sqlite = database.is_sqlite
    line = export_lines.line(columns, form, is_sqlite=is_sqlite).label("line")
    page = _paged(export, line, limit=size, is_sqlite=is_sqlite).subquery("page")
    whole = sa.select(
        sa.func.aggregate_strings(page.c.line, ""), sa.func.count(), sa.func.max(page.c.last)
    )

    def read(session: Session, after: UUID) -> _ExportPage:
        found = session.connection().execute(whole, {"after": after}).one()
        return _ExportPage(found[0] or "", found[1], found[2])

    return read


def _reader_of_sealed(
    database: Database, export: Export, form: FileFormat, size: int, keyring: Keyring
) -> _Read:
    """The database writes what stands between the sealed columns, and we write those."""
    is_sqlite = database.is_sqlite
    parts = _parts(export, form, is_sqlite)
    stored = (each for each, _ in parts)
    statement = _paged(export, *stored, limit=size, is_sqlite=is_sqlite)
    between = f"{form.end}{form.begin}"

    def read(session: Session, after: UUID) -> _ExportPage:
        rows = session.connection().execute(statement, {"after": after}).all()
        if not rows:
            return _ExportPage("", 0, None)
        texts = [
            column.cells(values, form, keyring) if column else values
            for (_, column), values in zip(parts, zip(*rows, strict=True), strict=False)
        ]
        lines = between.join(map(",".join, zip(*texts, strict=True)))
        return _ExportPage(f"{form.begin}{lines}{form.end}", len(rows), rows[-1].last)

    return read


def _parts(
    export: Export, form: FileFormat, is_sqlite: bool
) -> list[tuple[export_lines.Sql, Sealed | None]]:
    """What is asked for: each sealed column by itself, and what stands between them as one text."""
    found: list[tuple[export_lines.Sql, Sealed | None]] = []
    for is_plain, group in groupby(export.columns, lambda column: isinstance(column, Plain)):
        columns = tuple(group)
        if is_plain:
            plain = [column for column in columns if isinstance(column, Plain)]
            found.append((export_lines.segment(plain, form, is_sqlite=is_sqlite), None))
        found += [(column.stored, column) for column in columns if isinstance(column, Sealed)]
    return found


def _paged(
    export: Export, *columns: export_lines.Sql, limit: int, is_sqlite: bool
) -> sa.Select[Any]:
    """The next rows behind the id `after`, with their own ids last."""
    owner: export_lines.Sql = export.owner
    if is_sqlite and not export.has_index:
        # The plus keeps it from the owner's index: for each page it would sort all that is left.
        owner = sa.literal_column(f"+{owner}", owner.type)
    return (
        export.rows.with_only_columns(*columns, sa.cast(export.key, sa.Text).label("last"))
        .where(owner == export.owner_id)
        .where(export.key > sa.bindparam("after", type_=export.key.type))
        .order_by(export.key)
        # In so many words: PostgreSQL would plan for a number that it does not know yet.
        .limit(sa.literal_column(str(limit)))
    )
