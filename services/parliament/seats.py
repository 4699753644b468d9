"""Reads seats with their members, the members' offices and an organisation's overrides.

`notes` here are overrides (`services/parliament/member_overrides.py`).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import (
    Constituency,
    Member,
    MemberOverride,
    Membership,
    Office,
    OfficeKind,
    OverrideKind,
)
from models.base import table_of
from services.parliament import member_overrides, seat_snapshots
from services.parliament.seat_snapshots import HeldSeat, SeatConstituency, SeatMember
from services.parliament.standing import (
    NOT_SIGNED,
    Eligibility,
    Position,
    Standing,
    eligibility_of,
)

_seat_table, _membership_table = table_of(Constituency), table_of(Membership)
_TODAY = sa.bindparam("today", type_=sa.Date)
# Built once: building the statement costs more than running it.
_VACANT_SEATS = sa.select(_seat_table.c.code).where(
    _seat_table.c.code.in_(sa.bindparam("codes", expanding=True)),
    ~sa.exists().where(
        _membership_table.c.constituency_code == _seat_table.c.code,
        _membership_table.c.starts_on <= _TODAY,
        sa.or_(_membership_table.c.ends_on.is_(None), _membership_table.c.ends_on > _TODAY),
    ),
)


class Seat(NamedTuple):
    """A constituency, its member (None: vacant), their offices, and an organisation's overrides."""

    constituency: SeatConstituency
    member: SeatMember | None
    offices: frozenset[OfficeKind] = frozenset()
    notes: Sequence[MemberOverride] = ()

    @property
    def refuses(self) -> bool:
        """Returns whether an organiser recorded that the member signs no motions at all."""
        return is_refusal_noted(self.notes)


def is_refusal_noted(notes: Iterable[MemberOverride]) -> bool:
    """Returns whether an organiser recorded that the member signs no motions at all."""
    return any(note.kind is OverrideKind.REFUSES for note in notes)


def held_or_noted(
    offices: Iterable[OfficeKind], notes: Iterable[MemberOverride]
) -> frozenset[OfficeKind]:
    """Adds to a member's offices the one of a PPS, if an organiser recorded it.

    No official source names every PPS.
    """
    is_pps = any(note.kind is OverrideKind.PPS for note in notes)
    return frozenset(offices) | {OfficeKind.PPS} if is_pps else frozenset(offices)


def all_seats(
    session: Session,
    *,
    today: date,
    organisation_id: UUID | None,
    campaign_id: UUID | None = None,
    codes: Collection[str] | None = None,
) -> list[Seat]:
    """Returns every seat in order of name, or those with `codes`, in at most three statements.

    The overrides are those of `organisation_id` for all its campaigns and for `campaign_id`.
    """
    if codes is None:
        held: Sequence[HeldSeat] = seat_snapshots.of_day(session, today).seats
        ids = None
    else:
        held = seat_snapshots.with_codes(session, today, codes)
        ids = [seat.member.id for seat in held if seat.member]
    notes = member_overrides.in_force(
        session,
        organisation_id=organisation_id,
        campaign_id=campaign_id,
        member_ids=ids,
        today=today,
    )
    return with_notes(held, notes)


def with_notes(
    held: Iterable[HeldSeat], notes: Mapping[int, Sequence[MemberOverride]]
) -> list[Seat]:
    """Returns seats with an organisation's overrides, which are by member."""
    return [
        Seat(constituency, member, held_or_noted(offices, noted), noted)
        if member and (noted := notes.get(member.id))
        else Seat(constituency, member, offices)
        for constituency, member, offices in held
    ]


def seat_of(
    session: Session, code: str | None, *, today: date, organisation_id: UUID | None = None
) -> Seat | None:
    """Returns one seat; None for 'unknown', 'overseas' and codes that were never imported."""
    if code is None:
        return None
    seats = all_seats(session, today=today, organisation_id=organisation_id, codes=[code])
    return seats[0] if seats else None


def vacant_among(session: Session, codes: Collection[str], *, today: date) -> set[str]:
    """Returns which of `codes` are vacant seats, in one statement.

    'unknown', 'overseas' and codes that were never imported are not vacant.
    """
    result = session.connection().execute(_VACANT_SEATS, {"codes": list(codes), "today": today})
    return set(result.scalars())


def holds_seat(
    member_id: sa.SQLColumnExpression[Any], day: sa.ColumnElement[date]
) -> sa.ColumnElement[bool]:
    """Returns SQL for whether a member holds a seat on a day."""
    seat = _membership_table.alias("seat_held")
    return sa.exists().where(
        seat.c.member_id == member_id,
        seat.c.starts_on <= day,
        sa.or_(seat.c.ends_on.is_(None), seat.c.ends_on > day),
    )


def members_today(session: Session, today: date) -> list[tuple[int, str]]:
    """Returns the ids and names of all sitting members, in one statement."""
    statement = (
        select(Member.id, Member.name)
        .join(Membership, col(Membership.member_id) == Member.id)
        .where(*_is_valid_on(Membership, today))
        .order_by(col(Member.id))
    )
    return [(member_id, name) for member_id, name in session.exec(statement)]


def seat_position(seat: Seat, positions: dict[int, Position]) -> Position:
    """Returns the position of a seat's member on a motion; a vacant seat has not signed."""
    return positions.get(seat.member.id, NOT_SIGNED) if seat.member else NOT_SIGNED


def seat_eligibility(seat: Seat, standing: Standing) -> Eligibility:
    """Returns whether a seat's member can sign a motion, given their standing towards it."""
    return eligibility_of(
        party=seat.member.party if seat.member else None,
        offices=seat.offices,
        refuses=seat.refuses,
        standing=standing,
    )


def _is_valid_on(
    model: type[Membership] | type[Office], today: date
) -> tuple[sa.ColumnElement[bool], ...]:
    ends_on = col(model.ends_on)
    return (col(model.starts_on) <= today, sa.or_(ends_on.is_(None), ends_on > today))
