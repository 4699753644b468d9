"""Tests pages that are decrypted while a thread reads the next one."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event

from services.assembly import Lobby
from services.errors import Unavailable
from services.files import encrypted_pages, exports
from services.files.encrypted_pages import Part
from services.files.export_lines import EncryptedColumn, FileFormat
from services.files.exports import Chunks, Export
from tests.support.exports import make_undecryptable, signatures_export

SIZE = 100
LONG = 30.0
_table = sa.Table(
    "value",
    sa.MetaData(),
    sa.Column("place", sa.Integer, primary_key=True),
    sa.Column("sealed", sa.LargeBinary),
    sa.Column("plain", sa.Text),
)
_PARTS = [Part(_table.c.plain), Part(_table.c.sealed, EncryptedColumn("sealed", _table.c.sealed))]
_TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@contextmanager
def each_page(lobby: Lobby, act: Any) -> Iterator[None]:
    """Calls `act` with 1, 2 and so on before a page of signatures is read."""
    pages = iter(range(1, 1000))

    def note(_connection: Any, _cursor: Any, text: str, *_others: Any) -> None:
        if "signature.comment" in text:
            act(next(pages))

    event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield
    finally:
        event.remove(sa.Engine, "before_cursor_execute", note)


def parts_of(lobby: Lobby, export: Export) -> Chunks:
    return exports.chunks(lobby.database, export, FileFormat.CSV, keyring=lobby.keyring, size=SIZE)


def nothing_is_left(lobby: Lobby) -> bool:
    """Returns whether no connection is in use, and no thread of an export is there."""
    is_free = all(use.in_use == 0 for use in lobby.database.pools().values())
    return is_free and not [
        thread for thread in threading.enumerate() if thread.name.startswith("export")
    ]


def with_wait(export: Export, convert: Any) -> Export:
    """Returns an export that calls `convert` for each name."""
    columns = [
        replace(column, convert=convert)
        if isinstance(column, EncryptedColumn) and column.name == "name"
        else column
        for column in export.columns
    ]
    return replace(export, columns=tuple(columns))


@given(st.lists(st.tuples(st.none() | st.binary(min_size=1), _TEXTS), min_size=1, max_size=20))
def test_sqlite_joins_any_bytes_and_texts_in_their_order_and_none_changes(
    values: Sequence[tuple[bytes | None, str]],
) -> None:
    """Also NUL, what is no UTF-8, and rows that were written in another order."""
    stored = [
        {"place": place, "sealed": sealed, "plain": plain}
        for place, (sealed, plain) in enumerate(values)
    ]
    rows = sa.select(
        _table.c.plain, _table.c.sealed, sa.cast(_table.c.place, sa.Text).label("last")
    )
    statement = encrypted_pages.in_one_row(_PARTS, rows.order_by(_table.c.place).limit(1000))
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        _table.create(connection)
        connection.execute(sa.insert(_table), stored[::-1])
        plain, sealed, count, _ = connection.execute(statement).one()
    engine.dispose()
    assert count == len(values)
    read = zip(_PARTS[1].split(sealed), _PARTS[0].split(plain), strict=True)
    assert list(read) == list(values)


def test_the_next_page_is_read_while_a_page_is_decrypted(lobby: Lobby) -> None:
    is_second_read = threading.Event()

    def note(page: int) -> None:
        if page == 2:
            is_second_read.set()

    waits: list[bool] = []

    def convert(name: str) -> str:
        if not waits:
            waits.append(is_second_read.wait(LONG))
        return name

    with each_page(lobby, note):
        parts = parts_of(lobby, with_wait(signatures_export(lobby), convert))
        assert next(parts).rows == SIZE
        parts.close()
    assert waits == [True]


def test_an_export_that_ends_early_leaves_no_thread_and_no_connection(lobby: Lobby) -> None:
    parts = parts_of(lobby, signatures_export(lobby))
    for _ in range(2):
        assert next(parts).rows == SIZE
        assert nothing_is_left(lobby)
    parts.close()
    assert nothing_is_left(lobby)


def test_a_page_that_cannot_be_read_fails_after_the_page_before_it(lobby: Lobby) -> None:
    def fail(page: int) -> None:
        if page == 2:
            raise ConnectionError("the database is away")

    with each_page(lobby, fail):
        parts = parts_of(lobby, signatures_export(lobby))
        assert next(parts).rows == SIZE
        with pytest.raises(ConnectionError):
            next(parts)
    assert nothing_is_left(lobby)


def test_a_page_that_does_not_open_leaves_no_thread_and_no_connection(lobby: Lobby) -> None:
    export = signatures_export(lobby)
    ids = sa.select(export.key).where(export.owner == export.owner_id).order_by(export.key)
    with lobby.database.read() as session:
        first = session.connection().execute(ids).scalars().first()
    make_undecryptable(lobby, first)
    with pytest.raises(Unavailable):
        next(parts_of(lobby, export))
    assert nothing_is_left(lobby)
