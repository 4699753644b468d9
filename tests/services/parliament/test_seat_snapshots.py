"""Tests the seats that stay in memory: they are those of the models, and never out of date."""

from collections import defaultdict
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col, select

from models import Constituency, MapLayout, MapTile, Member, Membership, Office, OfficeKind
from models.base import table_of
from services.assembly import Lobby
from services.parliament import seat_snapshots
from services.parliament.seat_snapshots import SeatConstituency, SeatMember, Snapshot
from tools.statements import sent_by

TABLES = (Constituency, Membership, Member, Office, MapTile, MapLayout)
CHANGES = {
    "a constituency": "UPDATE constituency SET electorate = 1 WHERE code = :code",
    "an end of a membership": "UPDATE membership SET ends_on = :yesterday, starts_on = :yesterday "
    "WHERE constituency_code = :code",
    "a membership": "DELETE FROM membership WHERE constituency_code = :code",
    "a member": "UPDATE member SET party = 'Another' WHERE id = :member",
    "an office": "INSERT INTO post (id, member_id, kind, title, starts_on) "
    "VALUES ('0197f0000000700080000000000000aa', :member, 'whip', 'Whip', :yesterday)",
    "tiles": "DELETE FROM map_tile",
    "a map": "UPDATE map_layout SET credit = 'Somebody else'",
}


def snapshot(lobby: Lobby) -> Snapshot:
    with lobby.database.read() as session:
        return seat_snapshots.of_day(session, lobby.clock().date())


def a_filled_seat(lobby: Lobby) -> tuple[str, int]:
    """Returns a constituency's code and the id of its member, who holds no office."""
    for seat in snapshot(lobby).seats:
        if seat.member and not seat.offices:
            return seat.constituency.code, seat.member.id
    raise AssertionError("no such seat")


@pytest.mark.parametrize(
    ("light", "model"), [(SeatConstituency, Constituency), (SeatMember, Member)]
)
def test_seats_in_memory_have_every_column_of_the_models(light: Any, model: Any) -> None:
    assert light._fields == tuple(table_of(model).columns.keys())


def test_seats_in_memory_are_those_of_the_models(lobby: Lobby) -> None:
    today = lobby.clock().date()
    held = snapshot(lobby).seats
    with lobby.database.read() as session:
        constituencies = session.exec(select(Constituency)).all()
        is_open = sa.or_(col(Membership.ends_on).is_(None), col(Membership.ends_on) > today)
        found = session.exec(
            select(Membership.constituency_code, Member)
            .join(Member, col(Member.id) == Membership.member_id)
            .where(col(Membership.starts_on) <= today, is_open)
        ).all()
        offices: defaultdict[int, set[OfficeKind]] = defaultdict(set)
        for office in session.exec(select(Office).where(col(Office.starts_on) <= today)):
            if office.ends_on is None or office.ends_on > today:
                offices[office.member_id].add(office.kind)
    members = dict(found)
    wanted = {each.code: each.model_dump() for each in constituencies}
    assert {seat.constituency.code: seat.constituency._asdict() for seat in held} == wanted
    assert [seat.constituency.name for seat in held] == sorted(
        each["name"] for each in wanted.values()
    )
    for seat in held:
        member = members.get(seat.constituency.code)
        assert (seat.member and seat.member._asdict()) == (member and member.model_dump())
        assert seat.offices == (offices[member.id] if member else set())
    assert any(seat.offices for seat in held)
    assert any(seat.member is None for seat in held)


def test_seats_are_read_once_until_they_change(lobby: Lobby) -> None:
    first = snapshot(lobby)
    with sent_by(lobby) as sent:
        assert snapshot(lobby) is first
    (statement,) = sent
    assert "parliament_version" in statement


@pytest.mark.parametrize("statement", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_by_another_process_is_seen_at_once(lobby: Lobby, statement: str) -> None:
    code, member = a_filled_seat(lobby)
    with lobby.database.write() as session:
        session.merge(MapTile(constituency_code=code, q=900, r=900))
        session.merge(MapLayout(is_imported=True, credit="Somebody", made_at=lobby.clock()))
    before = snapshot(lobby)
    assert code in before.cells
    other = sa.create_engine(lobby.database.url)
    with other.begin() as connection:
        is_sqlite = connection.dialect.name == "sqlite"
        yesterday = lobby.clock().date() - timedelta(days=1)
        values = {
            "code": code,
            "member": member,
            "yesterday": yesterday.isoformat() if is_sqlite else yesterday,
        }
        named = {name: value for name, value in values.items() if f":{name}" in statement}
        connection.execute(sa.text(statement), named)
    other.dispose()
    assert snapshot(lobby) != before


@pytest.mark.parametrize("model", TABLES, ids=lambda model: str(model.__tablename__))
def test_every_kind_of_change_has_its_trigger(lobby: Lobby, model: Any) -> None:
    statement = (
        "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :name"
        if lobby.database.is_sqlite
        else "SELECT event_manipulation FROM information_schema.triggers "
        "WHERE event_object_table = :name"
    )
    with lobby.database.connection() as connection:
        found = connection.execute(sa.text(statement), {"name": model.__tablename__}).scalars()
        texts = " ".join(found)
    for change in ("INSERT", "UPDATE", "DELETE"):
        assert f"AFTER {change} ON" in texts or not lobby.database.is_sqlite
        assert change in texts


def test_a_change_that_is_undone_is_not_kept(lobby: Lobby) -> None:
    before = snapshot(lobby)
    _, member = a_filled_seat(lobby)
    change = sa.update(table_of(Member)).where(table_of(Member).c.id == member)
    with lobby.database.write() as session:
        session.connection().execute(change.values(party="Another"))
        changed = seat_snapshots.of_day(session, lobby.clock().date())
        assert changed.seats != before.seats  # its own change
        session.rollback()
    assert snapshot(lobby).seats == before.seats


def test_seats_of_another_day_are_not_those_of_today(lobby: Lobby) -> None:
    today = lobby.clock().date()
    code, member = a_filled_seat(lobby)
    with lobby.database.write() as session:
        session.connection().execute(
            sa.update(table_of(Membership))
            .where(table_of(Membership).c.member_id == member)
            .values(ends_on=today + timedelta(days=1))
        )
    for day, holder in ((today, member), (today + timedelta(days=1), None)):
        with lobby.database.read() as session:
            held = seat_snapshots.of_day(session, day).seats
        seat = next(each for each in held if each.constituency.code == code)
        assert (seat.member.id if seat.member else None) == holder
