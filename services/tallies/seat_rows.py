"""Reads all seats for a tally, as columns: objects of the models would cost ten times as much.

`services/parliament/seats.py` has the same seats as models, for everything else.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import (
    CampaignMotion,
    MapLayout,
    MapTile,
    Member,
    MemberOverride,
    Membership,
    MotionSignatory,
    Office,
)
from models.base import table_of
from models.constituency import Constituency
from models.members.member import OfficeKind
from services.parliament import member_overrides, motions, seats
from services.parliament.hex_grid import Cell
from services.parliament.standing import Position


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


class SeatRow(NamedTuple):
    """A seat, its member (None: vacant), their offices, and an organisation's overrides."""

    constituency: SeatConstituency
    member: SeatMember | None
    offices: frozenset[OfficeKind]
    notes: Sequence[MemberOverride]


class Seats(NamedTuple):
    """Every seat in order of name, the map's stored cells by GSS code, and the map's credit."""

    rows: list[SeatRow]
    cells: dict[str, Cell]
    credit: str


class Names(NamedTuple):
    """The members' positions on a campaign's motion, and who is on an earlier one of it."""

    positions: dict[int, Position]
    earlier: set[int]


_seat, _member, _membership = table_of(Constituency), table_of(Member), table_of(Membership)
_office, _name, _linked = table_of(Office), table_of(MotionSignatory), table_of(CampaignMotion)
_tile, _layout = table_of(MapTile), table_of(MapLayout)
_TODAY = sa.bindparam("today", type_=sa.Date)
_NO_OFFICES: frozenset[OfficeKind] = frozenset()
_PLACES = len(SeatConstituency._fields)
_OF_MAP = 3
"""How many columns at the end are of the map."""


def _is_valid_today(table: sa.Table) -> sa.ColumnElement[bool]:
    ends_on = table.c.ends_on
    return sa.and_(table.c.starts_on <= _TODAY, sa.or_(ends_on.is_(None), ends_on > _TODAY))


# Built once: building them costs more than running them.
_OFFICES = (
    sa.select(
        _office.c.member_id,
        sa.func.aggregate_strings(sa.type_coerce(_office.c.kind, sa.String), ",").label("kinds"),
    )
    .where(_is_valid_today(_office))
    .group_by(_office.c.member_id)
    .subquery("offices")
)
_SEATS = (
    sa.select(
        *(_seat.c[name] for name in SeatConstituency._fields),
        *(_member.c[name].label(f"member_{name}") for name in SeatMember._fields),
        _OFFICES.c.kinds,
        _tile.c.q,
        _tile.c.r,
        sa.select(_layout.c.credit).scalar_subquery(),
    )
    .outerjoin(
        _membership,
        sa.and_(_membership.c.constituency_code == _seat.c.code, _is_valid_today(_membership)),
    )
    .outerjoin(_member, _member.c.id == _membership.c.member_id)
    .outerjoin(_OFFICES, _OFFICES.c.member_id == _member.c.id)
    .outerjoin(_tile, _tile.c.constituency_code == _seat.c.code)
    .order_by(_seat.c.name)
)
_NAMES = (
    sa.select(_name, _linked.c.is_current)
    .join(_linked, _linked.c.motion_id == _name.c.motion_id)
    .where(_linked.c.campaign_id == sa.bindparam("campaign_id"), ~_linked.c.is_amendment)
)


def all_seats(session: Session, *, today: date, organisation_id: UUID, campaign_id: UUID) -> Seats:
    """Returns every seat and its place on the map, in two statements."""
    notes = member_overrides.in_force(
        session, organisation_id=organisation_id, campaign_id=campaign_id, today=today
    )
    rows = session.connection().execute(_SEATS, {"today": today}).all()
    return Seats(
        [_seat_row(row[:-_OF_MAP], notes) for row in rows],
        {row.code: (row.q, row.r) for row in rows if row.q is not None},
        (rows[0][-1] or "") if rows else "",
    )


def _seat_row(row: Sequence[Any], notes: Mapping[int, list[MemberOverride]]) -> SeatRow:
    constituency = SeatConstituency._make(row[:_PLACES])
    if row[_PLACES] is None:
        return SeatRow(constituency, None, _NO_OFFICES, ())
    *values, kinds_held = row[_PLACES:]
    member, noted = SeatMember._make(values), notes.get(values[0], ())
    held = [OfficeKind(kind) for kind in kinds_held.split(",")] if kinds_held else None
    kinds = seats.held_or_noted(held or (), noted) if held or noted else _NO_OFFICES
    return SeatRow(constituency, member, kinds, noted)


def names(session: Session, campaign_id: UUID) -> Names:
    """Returns the names on a campaign's motion and on its earlier ones, in one statement."""
    current: list[Any] = []
    earlier: set[int] = set()
    for row in session.connection().execute(_NAMES, {"campaign_id": campaign_id}).all():
        if row.is_current:
            current.append(row)
        elif not row.is_withdrawn:
            earlier.add(row.member_id)
    return Names(motions.by_member(current), earlier)
