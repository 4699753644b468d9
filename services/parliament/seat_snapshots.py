"""Reads all seats with their members as columns, and keeps them in memory until they change.

Nearly every page needs all 650, and they hardly ever change. Triggers of the database count the
changes (`models/parliament_version.py`), so what is kept is never older than the version that the
same session has read.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session

from models import MapLayout, MapTile, Member, Membership, Office, ParliamentVersion
from models.base import table_of
from models.constituency import Constituency
from models.members.member import OfficeKind
from services.database.engine import KEPT
from services.parliament.hex_grid import Cell


class SeatConstituency(NamedTuple):
    """The columns of a `models.Constituency`."""

    code: str
    name: str
    name_welsh: str | None
    nation: str
    region: str
    boundary_set: str
    electorate: int | None
    latitude: float | None
    longitude: float | None
    easting: int | None
    northing: int | None


class SeatMember(NamedTuple):
    """The columns of a `models.Member`."""

    id: int
    name: str
    party: str
    email: str | None
    salutation: str


class HeldSeat(NamedTuple):
    """A seat, its member (None: vacant) and their offices."""

    constituency: SeatConstituency
    member: SeatMember | None
    offices: frozenset[OfficeKind]


class Snapshot(NamedTuple):
    """Every seat in order of name, the map's stored cells by GSS code, and the map's credit."""

    seats: Sequence[HeldSeat]
    cells: Mapping[str, Cell]
    credit: str


_seat, _member, _membership = table_of(Constituency), table_of(Member), table_of(Membership)
_office, _tile, _layout = table_of(Office), table_of(MapTile), table_of(MapLayout)
VERSION = table_of(ParliamentVersion).c.version
_TODAY = sa.bindparam("today", type_=sa.Date)
_NO_OFFICES: frozenset[OfficeKind] = frozenset()
_PLACES = len(SeatConstituency._fields)
"""How many columns at the beginning are of the constituency."""
_KINDS = _PLACES + len(SeatMember._fields)
"""The place of the column after those of the member."""


def _is_valid_today(table: sa.Table) -> sa.ColumnElement[bool]:
    ends_on = table.c.ends_on
    return sa.and_(table.c.starts_on <= _TODAY, sa.or_(ends_on.is_(None), ends_on > _TODAY))


# Built once: building them costs more than running them.
_VERSION = sa.select(VERSION)
_KINDS_HELD = (
    sa.select(sa.func.aggregate_strings(sa.type_coerce(_office.c.kind, sa.String), ","))
    .where(_office.c.member_id == _member.c.id, _is_valid_today(_office))
    .correlate(_member)
    .scalar_subquery()
)
_ALL = (
    sa.select(
        *(_seat.c[name] for name in SeatConstituency._fields),
        *(_member.c[name].label(f"member_{name}") for name in SeatMember._fields),
        _KINDS_HELD.label("kinds"),
        _tile.c.q,
        _tile.c.r,
        sa.select(_layout.c.credit).scalar_subquery().label("credit"),
    )
    .outerjoin(
        _membership,
        sa.and_(_membership.c.constituency_code == _seat.c.code, _is_valid_today(_membership)),
    )
    .outerjoin(_member, _member.c.id == _membership.c.member_id)
    .outerjoin(_tile, _tile.c.constituency_code == _seat.c.code)
    .order_by(_seat.c.name)
)
_SOME = _ALL.where(_seat.c.code.in_(sa.bindparam("codes", expanding=True)))


def of_day(session: Session, today: date, *, version: int | None = None) -> Snapshot:
    """Returns the seats as they are on a day: kept ones, or read in a statement.

    A session that may write reads them always: its own changes may never be committed. `version` is
    that of the data, where the session has read it already; without it, it takes a statement.
    """
    kept: dict[str, tuple[object, Snapshot]] | None = session.info.get(KEPT)
    if kept is None:
        return _snapshot(session.connection().execute(_ALL, {"today": today}).all())
    key = (session.scalar(_VERSION) if version is None else version, today)
    last = kept.get("seats")
    if last and last[0] == key:
        return last[1]
    found = _snapshot(session.connection().execute(_ALL, {"today": today}).all())
    kept["seats"] = key, found
    return found


def with_codes(session: Session, today: date, codes: Collection[str]) -> list[HeldSeat]:
    """Returns some of the seats, in order of name, in one statement."""
    values = {"today": today, "codes": list(codes)}
    return [_held(row) for row in session.connection().execute(_SOME, values)]


def _snapshot(rows: Sequence[Any]) -> Snapshot:
    return Snapshot(
        [_held(row) for row in rows],
        {row.code: (row.q, row.r) for row in rows if row.q is not None},
        (rows[0].credit or "") if rows else "",
    )


def _held(row: Sequence[Any]) -> HeldSeat:
    member = SeatMember._make(row[_PLACES:_KINDS]) if row[_PLACES] is not None else None
    kinds = row[_KINDS]
    return HeldSeat(
        SeatConstituency._make(row[:_PLACES]),
        member,
        frozenset(map(OfficeKind, kinds.split(","))) if kinds else _NO_OFFICES,
    )
