"""Reads what a tally knows of seats and of names, in as few statements as possible."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import CampaignMotion, MotionSignatory
from models.base import table_of
from services.parliament import member_overrides, motions, seat_snapshots, seats
from services.parliament.hex_grid import Cell
from services.parliament.seat_snapshots import VERSION
from services.parliament.seats import Seat
from services.parliament.standing import Position


class Seats(NamedTuple):
    """Every seat in order of name, the map's stored cells by GSS code, and the map's credit."""

    rows: Sequence[Seat]
    cells: Mapping[str, Cell]
    credit: str


class Names(NamedTuple):
    """The members' positions on a campaign's motion, and who is on an earlier one of it.

    The positions have no times and no day of withdrawal. `version` is that of the seats
    (`models/parliament_version.py`), read on the way.
    """

    positions: dict[int, Position]
    earlier: set[int]
    version: int


_name, _linked = table_of(MotionSignatory), table_of(CampaignMotion)
_OF_NAME = ("id", "member_id", "sponsoring_order", "signed_on", "is_withdrawn")
_NOT_NEEDED = ("signed_at", "withdrawn_on", "withdrawn_at")
"""Columns that no tally shows: to read a time costs more than to read all others of a name."""
# Built once: building it costs more than running it.
_NAMES = (
    sa.select(
        VERSION,
        *(_name.c[column] for column in _OF_NAME),
        *(sa.null().label(column) for column in _NOT_NEEDED),
        _linked.c.is_current,
    )
    .select_from(VERSION.table)
    .outerjoin(
        _linked,
        sa.and_(_linked.c.campaign_id == sa.bindparam("campaign_id"), ~_linked.c.is_amendment),
    )
    .outerjoin(_name, _name.c.motion_id == _linked.c.motion_id)
)


def all_seats(
    session: Session, *, today: date, organisation_id: UUID, campaign_id: UUID, version: int | None
) -> Seats:
    """Returns every seat and its place on the map, in one statement if they are kept.

    `version` is that of `names`.
    """
    held = seat_snapshots.of_day(session, today, version=version)
    notes = member_overrides.in_force(
        session, organisation_id=organisation_id, campaign_id=campaign_id, today=today
    )
    return Seats(seats.with_notes(held.seats, notes), held.cells, held.credit)


def names(session: Session, campaign_id: UUID) -> Names:
    """Returns the names on a campaign's motion and on its earlier ones, in one statement."""
    current: list[Any] = []
    earlier: set[int] = set()
    version = 0
    for row in session.connection().execute(_NAMES, {"campaign_id": campaign_id}):
        version = row.version
        if row.member_id is None:
            continue
        if row.is_current:
            current.append(row)
        elif not row.is_withdrawn:
            earlier.add(row.member_id)
    return Names(motions.by_member(current), earlier, version)
