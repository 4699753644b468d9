"""Seats with whoever holds them today."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
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
from services.parliament import member_overrides
from services.parliament.standing import (
    Eligibility,
    Position,
    Standing,
    eligibility_of,
    position_of,
)

_seat_table, _membership_table = table_of(Constituency), table_of(Membership)
_TODAY = sa.bindparam("today", type_=sa.Date)
# Put together once: that costs more than to send it.
_VACANT_SEATS = sa.select(_seat_table.c.code).where(
    _seat_table.c.code.in_(sa.bindparam("codes", expanding=True)),
    ~sa.exists().where(
        _membership_table.c.constituency_code == _seat_table.c.code,
        _membership_table.c.starts_on <= _TODAY,
        sa.or_(_membership_table.c.ends_on.is_(None), _membership_table.c.ends_on > _TODAY),
    ),
)


@dataclass(frozen=True, slots=True)
class Seat:
    """A constituency, its member (None: vacant), their offices, and what an organiser noted."""

    constituency: Constituency
    member: Member | None
    offices: frozenset[OfficeKind] = frozenset()
    notes: tuple[MemberOverride, ...] = ()

    @property
    def refuses(self) -> bool:
        """True where the member has said that they sign no motions at all."""
        return any(note.kind is OverrideKind.REFUSES for note in self.notes)


def all_seats(
    session: Session,
    *,
    today: date,
    organisation_id: UUID | None,
    campaign_id: UUID | None = None,
    codes: Collection[str] | None = None,
) -> list[Seat]:
    """Every seat in order of name, or those with `codes`: three statements either way.

    `organisation_id` and `campaign_id` are whose notes on members count.
    """
    seats = _seats_and_members(session, today, codes)
    ids = [member.id for _, member in seats if member]
    offices = _offices(session, today, ids)
    notes = member_overrides.in_force(
        session,
        organisation_id=organisation_id,
        campaign_id=campaign_id,
        member_ids=ids,
        today=today,
    )
    return [
        _seat(seat, member, offices.get(member.id, set()), notes.get(member.id, []))
        if member
        else Seat(seat, None)
        for seat, member in seats
    ]


def seat_of(
    session: Session, code: str | None, *, today: date, organisation_id: UUID | None = None
) -> Seat | None:
    """One seat; None for 'unknown', 'overseas' and codes that were never imported."""
    if code is None:
        return None
    found = all_seats(session, today=today, organisation_id=organisation_id, codes=[code])
    return found[0] if found else None


def vacant_among(session: Session, codes: Collection[str], *, today: date) -> set[str]:
    """Those of some seats that nobody holds; in one statement, without 'unknown' and 'overseas'."""
    found = session.connection().execute(_VACANT_SEATS, {"codes": list(codes), "today": today})
    return set(found.scalars())


def members_today(session: Session, today: date) -> list[tuple[int, str]]:
    """The ids and names of all who hold a seat, in one statement."""
    statement = (
        select(Member.id, Member.name)
        .join(Membership, col(Membership.member_id) == Member.id)
        .where(*_on(Membership, today))
        .order_by(col(Member.id))
    )
    return [(member_id, name) for member_id, name in session.exec(statement)]


def _seats_and_members(
    session: Session, today: date, codes: Collection[str] | None
) -> list[tuple[Constituency, Member | None]]:
    held = sa.and_(col(Membership.constituency_code) == Constituency.code, *_on(Membership, today))
    statement = (
        select(Constituency, Member)
        .outerjoin(Membership, held)
        .outerjoin(Member, col(Member.id) == Membership.member_id)
        .order_by(col(Constituency.name))
    )
    if codes is not None:
        statement = statement.where(col(Constituency.code).in_(codes))
    return [(seat, member) for seat, member in session.exec(statement)]


def _offices(session: Session, today: date, ids: Iterable[int]) -> dict[int, set[OfficeKind]]:
    statement = select(Office).where(col(Office.member_id).in_(list(ids)), *_on(Office, today))
    offices: defaultdict[int, set[OfficeKind]] = defaultdict(set)
    for office in session.exec(statement):
        offices[office.member_id].add(office.kind)
    return offices


def _seat(
    seat: Constituency, member: Member, held: set[OfficeKind], notes: list[MemberOverride]
) -> Seat:
    """No official source names every PPS, so an organiser can."""
    noted = {OfficeKind.PPS} if any(note.kind is OverrideKind.PPS for note in notes) else set()
    return Seat(seat, member, frozenset(held | noted), tuple(notes))


def _on(model: type[Membership] | type[Office], today: date) -> tuple[sa.ColumnElement[bool], ...]:
    """What holds on a day: begun, and not ended by it."""
    ends_on = col(model.ends_on)
    return (col(model.starts_on) <= today, sa.or_(ends_on.is_(None), ends_on > today))


def seat_position(seat: Seat, positions: dict[int, Position]) -> Position:
    """How today's member of a seat stands; a vacant seat has not signed."""
    nothing = position_of(())
    return positions.get(seat.member.id, nothing) if seat.member else nothing


def seat_eligibility(seat: Seat, standing: Standing) -> Eligibility:
    """Whether today's member of a seat can sign."""
    return eligibility_of(
        party=seat.member.party if seat.member else None,
        offices=seat.offices,
        refuses=seat.refuses,
        standing=standing,
    )
