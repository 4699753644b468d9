"""Seats with whoever holds them today."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from lobby.models import Constituency, Member, Membership, OverrideKind, Post, PostKind
from lobby.services import member_overrides


@dataclass(frozen=True, slots=True)
class Seat:
    """A constituency, its member (None: vacant), their posts, and whether they refuse motions."""

    constituency: Constituency
    member: Member | None
    posts: frozenset[PostKind] = frozenset()
    refuses: bool = False


def all_seats(
    session: Session, *, today: date, organisation_id: UUID | None, code: str | None = None
) -> list[Seat]:
    """Every seat in order of name, or the one with `code`: three statements either way.

    `organisation_id` is whose overrides count: who refuses motions, and who is a PPS.
    """
    seats = _seats_and_members(session, today, code)
    ids = [member.id for _, member in seats if member]
    posts = _posts(session, today, ids)
    notes = member_overrides.facts(session, organisation_id, ids, today=today)
    return [_seat(seat, member, posts, notes) for seat, member in seats]


def seat_of(
    session: Session, code: str | None, *, today: date, organisation_id: UUID | None = None
) -> Seat | None:
    """One seat; None for 'unknown', 'overseas' and codes that were never imported."""
    if code is None:
        return None
    found = all_seats(session, today=today, organisation_id=organisation_id, code=code)
    return found[0] if found else None


def _seats_and_members(
    session: Session, today: date, code: str | None
) -> list[tuple[Constituency, Member | None]]:
    held = sa.and_(col(Membership.constituency_code) == Constituency.code, *_on(Membership, today))
    statement = (
        select(Constituency, Member)
        .outerjoin(Membership, held)
        .outerjoin(Member, col(Member.id) == Membership.member_id)
        .order_by(col(Constituency.name))
    )
    if code is not None:
        statement = statement.where(Constituency.code == code)
    return [(seat, member) for seat, member in session.exec(statement)]


def _posts(session: Session, today: date, ids: Iterable[int]) -> dict[int, frozenset[PostKind]]:
    statement = select(Post).where(col(Post.member_id).in_(list(ids)), *_on(Post, today))
    posts: defaultdict[int, set[PostKind]] = defaultdict(set)
    for post in session.exec(statement):
        posts[post.member_id].add(post.kind)
    return {member_id: frozenset(kinds) for member_id, kinds in posts.items()}


def _seat(
    seat: Constituency,
    member: Member | None,
    posts: dict[int, frozenset[PostKind]],
    notes: dict[int, set[OverrideKind]],
) -> Seat:
    if member is None:
        return Seat(seat, None)
    noted = notes.get(member.id, set())
    held = posts.get(member.id, frozenset())
    if OverrideKind.PPS in noted:
        held |= {PostKind.PPS}
    return Seat(seat, member, held, OverrideKind.REFUSES in noted)


def _on(model: type[Membership] | type[Post], today: date) -> tuple[sa.ColumnElement[bool], ...]:
    """What holds on a day: begun, and not ended by it."""
    ends_on = col(model.ends_on)
    return (col(model.starts_on) <= today, sa.or_(ends_on.is_(None), ends_on > today))
