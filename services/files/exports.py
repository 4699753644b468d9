"""Exports any number of rows as a file, one page at a time, in constant memory.

Each page is read in its own transaction, which ends before the page is sent. A slow or vanished
client therefore holds no connection, snapshot or journal, and each row is shown as it was when its
page was read. While a page is decrypted the next one is read, and waits in memory, encrypted.

Pages are in the order of ids: a row that exists when the export begins, and matches throughout, is
in the file exactly once. Exports of changes are in the order of the changes.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlmodel import Session

from models import Keyring
from services.database.engine import Database, fetch_in_binary
from services.files import encrypted_pages, export_lines, value_lines
from services.files.csv_writing import csv_text
from services.files.export_lines import Column, EncryptedColumn, FileFormat, PlainColumn

# Rows per page.
PLAIN_PAGE_SIZE = 10_000
ENCRYPTED_PAGE_SIZE = 4000
_BEFORE_ALL = UUID(int=0)
_TIME_LENGTH = len("2026-07-01 12:00:00.000000")
Chunks = Generator["Chunk", None, None]
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class OpenedRows:
    """Rows that are encrypted as a whole, so that the database cannot format them.

    `read` returns the ids and the values by column of at most `size` rows after an id, ordered by
    id. It raises Unavailable if a row cannot be decrypted.
    """

    count: Callable[[Session], int]
    read: Callable[[Session, UUID, int, Keyring], Sequence[tuple[UUID, Mapping[str, Any]]]]


@dataclass(frozen=True, slots=True)
class ExportedChanges:
    """Limits an export to rows that changed at `since` or later, in the order of the changes.

    A row that changes while the file is written is in it again, at the end.
    """

    changed_at: sa.Column[Any]
    since: datetime


@dataclass(frozen=True, slots=True)
class Export:
    """The rows and columns of an export.

    `rows` selects from the tables with all conditions except that `owner` equals `owner_id`. `key`
    is the id that orders the pages, and `has_index` says whether an index on (`owner`, `key`)
    exists; with `changes` there is one on (`owner`, the time, `key`). `labels` describe the export
    in the log, without personal data. The pages of `opened` follow those of `rows`.
    """

    key: sa.Column[Any]
    owner: sa.Column[Any]
    owner_id: UUID
    has_index: bool
    columns: tuple[Column, ...]
    rows: sa.Select[Any]
    labels: Mapping[str, object]
    opened: OpenedRows | None = None
    changes: ExportedChanges | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in their order in the file."""
        return tuple(column.name for column in self.columns)

    @property
    def is_personal(self) -> bool:
        """Returns whether any column has to be decrypted."""
        return any(isinstance(column, EncryptedColumn) for column in self.columns)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some whole lines of the file. `rows` does not count the header."""

    content: bytes
    rows: int


@dataclass(frozen=True, slots=True)
class _Place:
    """The place behind which a page begins. `time` is set for an export of changes."""

    id: UUID = _BEFORE_ALL
    time: datetime | None = None

    @classmethod
    def read(cls, text: str, *, has_time: bool) -> "_Place":
        if not has_time:
            return cls(UUID(text))
        time = datetime.fromisoformat(text[:_TIME_LENGTH]).replace(tzinfo=UTC)
        return cls(UUID(text[_TIME_LENGTH:].strip()), time)

    @property
    def values(self) -> dict[str, Any]:
        return {"after": self.id} | ({} if self.time is None else {"after_time": self.time})


@dataclass(frozen=True, slots=True)
class _ExportPage:
    """A page as it was read. `write` makes its lines."""

    rows: int
    last: str | None
    write: Callable[[], str]

    def chunk(self) -> Chunk:
        return Chunk(self.write().encode() if self.rows else b"", self.rows)

    def end(self, size: int, *, has_time: bool) -> _Place | None:
        """Returns the place of the last row; None if no page follows."""
        is_full = self.last is not None and self.rows == size
        return _Place.read(self.last or "", has_time=has_time) if is_full else None


_PageReader = Callable[[Session, _Place], _ExportPage]
"""Reads the page behind a place."""


def count(session: Session, export: Export) -> int:
    """Counts the rows of an export as they are now.

    Reads an index only, unless the export has conditions.
    """
    statement = export.rows.with_only_columns(sa.func.count(), maintain_column_froms=True)
    statement = statement.where(export.owner == export.owner_id)
    if export.changes:
        statement = statement.where(export.changes.changed_at >= export.changes.since)
    total = int(session.connection().execute(statement).scalar_one())
    return total + (export.opened.count(session) if export.opened else 0)


def chunks(
    database: Database,
    export: Export,
    form: FileFormat,
    *,
    keyring: Keyring,
    size: int | None = None,
) -> Chunks:
    """Yields the file in chunks of `size` rows: at least one chunk, in CSV with a header first.

    Each chunk is read when the caller asks for it, or with personal data for the chunk before it.
    The keyring is used only if the export has personal data or opened rows.

    :raises Unavailable: data cannot be decrypted
    """
    header = csv_text(export.names, ()).encode() if form is FileFormat.CSV else b""
    is_empty = True
    for chunk in _chunks(database, export, form, size, keyring):
        if chunk.rows:
            yield Chunk(header + chunk.content, chunk.rows)
            header, is_empty = b"", False
    if is_empty:
        yield Chunk(header, 0)


def logged(unlogged: Chunks, export: Export, *, by: str, form: FileFormat) -> Chunks:
    """Yields the same chunks, and logs at the end who received how many rows of which export.

    An export that ends early is logged too, with `whole=False`. `by` must not name a person.
    """
    rows, is_whole = 0, False
    try:
        for chunk in unlogged:
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


def _chunks(
    database: Database, export: Export, form: FileFormat, size: int | None, keyring: Keyring
) -> Iterator[Chunk]:
    encrypted_size = size or ENCRYPTED_PAGE_SIZE
    first = _Place(time=export.changes.since if export.changes else None)
    if export.is_personal:
        read = _encrypted_page_reader(database, export, form, encrypted_size, keyring)
        yield from _chunks_ahead(database, read, encrypted_size, first)
    else:
        plain_size = size or PLAIN_PAGE_SIZE
        read = _plain_page_reader(database, export, form, plain_size)
        yield from _chunks_of(database, read, plain_size, first)
    if export.opened:
        read = _opened_page_reader(export, export.opened, form, encrypted_size, keyring)
        yield from _chunks_of(database, read, encrypted_size, _Place())


def _chunks_of(database: Database, read: _PageReader, size: int, first: _Place) -> Iterator[Chunk]:
    after: _Place | None = first
    while after is not None:
        page = _page_behind(after, database, read)
        after = page.end(size, has_time=first.time is not None)
        yield page.chunk()


def _chunks_ahead(
    database: Database, read: _PageReader, size: int, first: _Place
) -> Iterator[Chunk]:
    """Yields pages that take time to write: a thread reads the next page meanwhile.

    The thread ends before a page is yielded, so that nothing remains of an export that ends early.
    If it fails, its error is raised when its page is asked for.
    """
    page = _page_behind(first, database, read)
    while after := page.end(size, has_time=first.time is not None):
        with ThreadPoolExecutor(1, "export") as thread:
            following = thread.submit(_page_behind, after, database, read)
            chunk = page.chunk()
        del page  # one page in memory is enough while a client is slow
        yield chunk
        page = following.result()
    yield page.chunk()


def _page_behind(place: _Place, database: Database, read: _PageReader) -> _ExportPage:
    with database.read() as session:
        return read(session, place)


def _plain_page_reader(
    database: Database, export: Export, form: FileFormat, size: int
) -> _PageReader:
    """Makes a reader for which the database joins a whole page to one text."""
    columns = [column for column in export.columns if isinstance(column, PlainColumn)]
    is_sqlite = database.is_sqlite
    line = export_lines.line(columns, form, is_sqlite=is_sqlite).label("line")
    page = _page_statement(export, line, limit=size, is_sqlite=is_sqlite).subquery("page")
    statement = sa.select(
        sa.func.aggregate_strings(page.c.line, ""), sa.func.count(), sa.func.max(page.c.last)
    )

    def read(session: Session, after: _Place) -> _ExportPage:
        text, rows, last = session.connection().execute(statement, after.values).one()
        return _ExportPage(rows, last, lambda: text or "")

    return read


def _encrypted_page_reader(
    database: Database, export: Export, form: FileFormat, size: int, keyring: Keyring
) -> _PageReader:
    """Makes a reader of pages that are decrypted when they are written."""
    parts = encrypted_pages.parts_of(export.columns, form, is_sqlite=database.is_sqlite)
    # Named by place: two columns may have one source.
    sources = [part.source.label(f"part_{place}") for place, part in enumerate(parts)]
    statement = _page_statement(export, *sources, limit=size, is_sqlite=database.is_sqlite)

    def write(columns: Iterable[Sequence[Any]]) -> str:
        return encrypted_pages.lines(parts, tuple(columns), form, keyring)

    def read_rows(session: Session, after: _Place) -> _ExportPage:
        fetch_in_binary(session)
        rows = session.connection().execute(statement, after.values).all()
        columns = islice(zip(*rows, strict=True), len(parts))
        return _ExportPage(len(rows), rows[-1].last if rows else None, lambda: write(columns))

    joined = encrypted_pages.in_one_row(parts, statement)

    def read_one_row(session: Session, after: _Place) -> _ExportPage:
        *values, rows, last = session.connection().execute(joined, after.values).one()
        columns = (part.split(whole) for part, whole in zip(parts, values, strict=True))
        return _ExportPage(rows, last, lambda: write(columns))

    return read_one_row if database.is_sqlite else read_rows


def _opened_page_reader(
    export: Export, opened: OpenedRows, form: FileFormat, size: int, keyring: Keyring
) -> _PageReader:
    """Makes a reader of rows that are decrypted as a whole and formatted in Python."""

    def read(session: Session, after: _Place) -> _ExportPage:
        rows = opened.read(session, after.id, size, keyring)
        text = value_lines.lines(export.columns, (values for _, values in rows), form)
        return _ExportPage(len(rows), str(rows[-1][0]) if rows else None, lambda: text)

    return read


def _page_statement(
    export: Export, *columns: export_lines.Sql, limit: int, is_sqlite: bool
) -> sa.Select[Any]:
    """Returns a SELECT of the rows behind a place, with their places in the last column."""
    owner: export_lines.Sql = export.owner
    if is_sqlite and not export.has_index:
        # The plus makes SQLite ignore the owner's index, with which it would sort all remaining
        # rows for each page.
        owner = sa.literal_column(f"+{owner}", owner.type)
    last: export_lines.Sql = sa.cast(export.key, sa.Text)
    after = sa.bindparam("after", type_=export.key.type)
    order: tuple[sa.Column[Any], ...] = (export.key,)
    where = [owner == export.owner_id]
    if export.changes:
        time = export.changes.changed_at
        after_time = sa.bindparam("after_time", type_=time.type)
        last = export_lines.sortable_time(time, is_sqlite=is_sqlite).concat(last)
        order = (time, export.key)
        # Not by the time alone: many rows can have one time.
        where.append(sa.tuple_(*order) > sa.tuple_(after_time, after))
    else:
        where.append(export.key > after)
    return (
        export.rows.with_only_columns(*columns, last.label("last"))
        .where(*where)
        .order_by(*order)
        # A literal, because PostgreSQL would plan for an unknown number with a parameter.
        .limit(sa.literal_column(str(limit)))
    )
