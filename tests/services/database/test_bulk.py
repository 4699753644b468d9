"""Tests bulk inserts and lookups: the stored values equal those that SQLAlchemy writes."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError
from sqlmodel import AutoString, SQLModel

from models import Private
from models.base import UtcDateTime, choice, new_ids
from models.encryption import PrivateText
from services.assembly import Lobby
from services.database.bulk import ROWS_PER_BLOCK, BulkLookup, insert_columns
from services.database.engine import insert, insert_ignore
from tests.support.database.query_plans import sent_statements


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


TABLE = sa.Table(
    "every_kind",
    sa.MetaData(),
    sa.Column("id", sa.Uuid(), primary_key=True),
    sa.Column("number", sa.Integer(), unique=True),
    sa.Column("is_so", sa.Boolean()),
    sa.Column("share", sa.Float()),
    sa.Column("text", AutoString()),
    sa.Column("short", AutoString(5)),
    sa.Column("colour", choice(Colour, "colour")),
    sa.Column("bytes", sa.LargeBinary()),
    sa.Column("day", sa.Date()),
    sa.Column("moment", UtcDateTime()),
    sa.Column("parts", sa.JSON()),
    sa.Column("sealed", PrivateText("every_kind.sealed")),
    sa.Column("given", sa.String(), server_default="by the database"),
)
OWNER = UUID(int=7)
FULL: dict[str, Any] = {
    "id": uuid4(),
    "number": 1,
    "is_so": True,
    "share": 0.1,
    "text": 'Zoë\'s "text" with {braces}, commas, \\ % ? :name and NULL',
    "short": "12345",
    "colour": Colour.RED,
    "bytes": b"\x00\xff'",
    "day": date(2026, 7, 1),
    "moment": datetime(2026, 7, 1, 12, 0, 0, 5, tzinfo=UTC),
    "parts": {"a": [1, None, "x"], "b": {"c": True}},
    "sealed": Private(OWNER, "a secret"),
}
OTHER = FULL | {
    "id": uuid4(),
    "number": 2,
    "is_so": False,
    "share": -1e300,
    "text": "",
    "short": "",
    "colour": Colour.BLUE,
    "bytes": b"",
    "day": date(1, 1, 1),
    "moment": datetime(2026, 7, 1, 14, 0, tzinfo=timezone(timedelta(hours=2))),
    "parts": [],
    "sealed": Private(OWNER, ""),
}
EMPTY = dict.fromkeys(FULL) | {"id": uuid4()}


@pytest.fixture(autouse=True)
def _table(lobby: Lobby) -> Iterator[None]:
    with lobby.database.connection() as connection:
        TABLE.create(connection)
    yield
    with lobby.database.connection() as connection:
        TABLE.drop(connection)


def stored(lobby: Lobby) -> list[dict[str, Any]]:
    statement = sa.select(TABLE).order_by(TABLE.c.number)
    with lobby.database.read() as session:
        return [dict(row) for row in session.connection().execute(statement).mappings()]


def raw(lobby: Lobby, name: str) -> list[Any]:
    """Returns the stored values of a column without type conversion."""
    with lobby.database.read() as session:
        rows = session.connection().exec_driver_sql(f"SELECT {name} FROM every_kind")
        return [bytes(value) if isinstance(value, memoryview) else value for (value,) in rows]


def test_the_table_has_every_kind_of_column_that_ours_have() -> None:
    here = {type(column.type) for column in TABLE.columns}
    ours = {type(column.type) for table in SQLModel.metadata.tables.values() for column in table.c}
    assert {kind for kind in ours if not any(issubclass(kind, other) for other in here)} == set()


@pytest.mark.parametrize("rows", [[FULL], [OTHER], [EMPTY], [FULL, OTHER], [EMPTY, FULL, OTHER]])
def test_what_is_written_comes_back_as_through_sqlalchemy(
    lobby: Lobby, rows: list[dict[str, Any]]
) -> None:
    with lobby.database.write() as session:
        insert(session, TABLE, rows)
    ours = stored(lobby)
    stored_values = {name: raw(lobby, name) for name in FULL if name not in ("sealed", "id")}
    with lobby.database.write() as session:
        session.connection().execute(sa.delete(TABLE))
        session.connection().execute(sa.insert(TABLE), rows)
    assert ours == stored(lobby)
    assert stored_values == {name: raw(lobby, name) for name in stored_values}
    assert {row["given"] for row in ours} == {"by the database"}


def test_two_equal_sealed_texts_never_look_alike(lobby: Lobby) -> None:
    rows = [FULL | {"id": uuid4(), "number": number} for number in range(50)]
    with lobby.database.write() as session:
        insert(session, TABLE, rows)
    sealed = raw(lobby, "sealed")
    assert len(set(sealed)) == 50
    nonces = {value[17:29] for value in sealed}
    assert len(nonces) == 50
    assert {row["sealed"].text for row in stored(lobby)} == {"a secret"}


def test_equal_values_beside_others_stay_in_their_rows(lobby: Lobby) -> None:
    texts = [None, "a", "a", None, "b"]
    rows = [
        {"id": uuid4(), "number": n, "sealed": None if text is None else Private(OWNER, text)}
        for n, text in enumerate(texts)
    ]
    with lobby.database.write() as session:
        insert(session, TABLE, rows)
    assert [row["sealed"] and row["sealed"].text for row in stored(lobby)] == texts


@pytest.mark.parametrize("write", [insert, insert_ignore])
def test_no_rows_write_nothing(lobby: Lobby, write: Any) -> None:
    with lobby.database.write() as session:
        write(session, TABLE, [])
    assert stored(lobby) == []


def test_rows_that_are_there_are_left_out_or_refused(lobby: Lobby) -> None:
    again = FULL | {"id": uuid4(), "text": "later"}
    with lobby.database.write() as session:
        insert_ignore(session, TABLE, [FULL])
        insert_ignore(session, TABLE, [again, OTHER, again | {"id": uuid4()}])
    assert [row["text"] for row in stored(lobby)] == [FULL["text"], OTHER["text"]]
    with pytest.raises(IntegrityError), lobby.database.write() as session:
        insert(session, TABLE, [again])


def test_a_row_without_the_columns_of_the_first_is_refused(lobby: Lobby) -> None:
    with pytest.raises(KeyError), lobby.database.write() as session:
        insert(session, TABLE, [{"id": uuid4(), "number": 1}, {"id": uuid4()}])
    assert stored(lobby) == []


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_text_that_is_too_long_is_refused_and_not_cut(lobby: Lobby) -> None:
    with pytest.raises(DataError), lobby.database.write() as session:
        insert(session, TABLE, [FULL | {"short": "123456"}])
    assert stored(lobby) == []


def test_an_error_does_not_show_what_was_sent(lobby: Lobby) -> None:
    with pytest.raises(SQLAlchemyError) as failed, lobby.database.write() as session:
        insert(session, TABLE, [FULL | {"text": "a secret place"}, FULL])
    assert "a secret place" not in str(failed.value)


@pytest.mark.slow
def test_more_rows_than_a_statement_can_have_parameters_go_in_one(lobby: Lobby) -> None:
    with lobby.database.write() as session:
        insert(session, TABLE, [FULL | {"id": uuid4(), "number": n} for n in range(8000)])
    assert len(stored(lobby)) == 8000


# ---- by columns

SIZES = [1, ROWS_PER_BLOCK - 1, ROWS_PER_BLOCK, ROWS_PER_BLOCK + 1, 3 * ROWS_PER_BLOCK + 7]


def columns(size: int) -> dict[str, list[Any]]:
    """Makes columns with distinct, equal, almost equal and encrypted values."""
    return {
        "id": [uuid4() for _ in range(size)],
        "number": list(range(size)),
        "text": ["one"] * (size - 1) + ["other"],
        "short": [None] * size,
        "sealed": [Private(UUID(int=n % 3), "alike") for n in range(size)],
        "bytes": [bytes([n % 256]) for n in range(size)],
    }


@pytest.mark.parametrize("size", SIZES)
def test_columns_are_written_as_their_rows_would_be(lobby: Lobby, size: int) -> None:
    varying, shared = columns(size), {"colour": Colour.BLUE, "moment": FULL["moment"]}
    with lobby.database.write() as session:
        count = insert_columns(session, TABLE, varying, shared, skip_existing=False)
    assert count == size
    expected = [
        {**dict.fromkeys(FULL), **dict(zip(varying, values, strict=True)), **shared}
        for values in zip(*varying.values(), strict=True)
    ]
    assert [{name: row[name] for name in FULL} for row in stored(lobby)] == expected
    assert len(set(raw(lobby, "sealed"))) == size, "equal texts look alike"


@pytest.mark.parametrize("size", SIZES)
def test_how_many_were_written_is_told_where_some_were_there(lobby: Lobby, size: int) -> None:
    half = {name: values[::2] for name, values in columns(size).items()}
    with lobby.database.write() as session:
        first = insert_columns(session, TABLE, half, {}, skip_existing=True)
        both = insert_columns(session, TABLE, columns(size), {}, skip_existing=True)
        again = insert_columns(session, TABLE, columns(size), {}, skip_existing=True)
    assert (first, both, again) == (len(half["id"]), size - len(half["id"]), 0)
    assert [row["number"] for row in stored(lobby)] == list(range(size))


def test_ids_may_come_as_hex_digits_or_not_at_all(lobby: Lobby) -> None:
    ids = new_ids(3)
    assert ids == sorted(set(ids))
    with lobby.database.write() as session:
        insert_columns(session, TABLE, {"id": ids, "number": [1, 2, 3]}, {}, skip_existing=False)
    assert [row["id"] for row in stored(lobby)] == [UUID(hex_id) for hex_id in ids]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_block_is_one_that_sqlite_can_take(lobby: Lobby) -> None:
    places = max(len(table.columns) for table in SQLModel.metadata.tables.values()) * ROWS_PER_BLOCK
    with lobby.database.read() as session:
        driver: Any = session.connection().connection.driver_connection
        assert places <= driver.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)


# ---- bulk lookups


def by_text(among: Any) -> Any:
    return sa.select(TABLE.c.number).where(among(TABLE.c.text, "it"))


def by_ids(among: Any) -> Any:
    return sa.select(TABLE.c.number).where(among(TABLE.c.id, "ids"), among(TABLE.c.bytes, "bytes"))


TEXTS = ['with "quotes"', "with \\ and , and {braces}", "NULL", "", "plain"]


@pytest.mark.parametrize("is_long", [False, True])
def test_what_is_looked_for_is_found_whatever_it_is_called(lobby: Lobby, is_long: bool) -> None:
    text_lookup, id_lookup = (BulkLookup(make, is_long=is_long) for make in (by_text, by_ids))
    ids = [uuid4() for _ in TEXTS]
    varying: dict[str, list[Any]] = {
        "id": ids,
        "number": list(range(5)),
        "text": TEXTS,
        "bytes": [b"\\x", b"", *[b"a"] * 3],
    }
    with lobby.database.write() as session:
        insert_columns(session, TABLE, varying, {}, skip_existing=False)

        def matches(lookup: BulkLookup, **values: Any) -> list[int]:
            return sorted(number for (number,) in lookup.rows(session, **values))

        for number, text in enumerate(TEXTS):
            assert matches(text_lookup, it=[text, "nowhere"]) == [number]
        assert matches(text_lookup, it=TEXTS * 2) == [0, 1, 2, 3, 4], "each row once"
        assert matches(text_lookup, it=[]) == []
        assert matches(id_lookup, ids=ids[:4], bytes=[b"\\x", b"a"]) == [0, 2, 3]


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
@pytest.mark.own_database
def test_a_long_look_up_compares_no_row_with_all_values(lobby: Lobby) -> None:
    """Without statistics PostgreSQL may scan the table: 5,000 values took it 14 seconds."""
    with lobby.database.write() as session, sent_statements() as sent:
        list(BulkLookup(by_text, is_long=True).rows(session, it=["a", "b"]))
        text, values = sent[-1]
        explained = session.connection().exec_driver_sql(f"EXPLAIN {text}", values)
        plan = "\n".join(row[0] for row in explained)
    assert "unnest" in plan
    assert "ANY" not in plan, plan
