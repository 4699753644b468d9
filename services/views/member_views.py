"""One member with their seats, offices, motions and replies."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import (
    Campaign,
    CampaignMotion,
    CampaignStatus,
    Constituency,
    Member,
    MemberReply,
    Membership,
    Motion,
    MotionSignatory,
    Office,
    ParliamentSession,
)
from services.campaigns import member_replies
from services.campaigns.member_replies import ReplyView, VerifiedReply
from services.errors import NotFound
from services.parliament import seats
from services.parliament.seat_snapshots import SeatConstituency
from services.parliament.standing import Eligibility, Position, Standing, position_of


@dataclass(frozen=True, slots=True)
class MemberMotion:
    """A motion with the member's position on it, and the slugs of the campaigns linked to it."""

    motion: Motion
    parliament_session: str | None
    campaigns: tuple[str, ...]
    position: Position


@dataclass(frozen=True, slots=True)
class PublicReply:
    """The public part of a reply, with the slug of the campaign that it was given to."""

    campaign: str
    reply: VerifiedReply


@dataclass(frozen=True, slots=True)
class MemberView:
    """A member today. `constituency` and `eligibility` are None where they have no seat.

    All lists have the latest first: memberships and offices by their first day, motions by the day
    on which they were tabled, replies by the day on which they were given. The bool with an office
    is whether the member has it today. `own_replies` are those recorded by the viewing
    organisation, with their texts; they are not among the `replies`.
    """

    member: Member
    constituency: Constituency | SeatConstituency | None
    eligibility: Eligibility | None
    memberships: tuple[tuple[Membership, Constituency], ...]
    offices: tuple[tuple[Office, bool], ...]
    motions: tuple[MemberMotion, ...]
    replies: tuple[PublicReply, ...]
    own_replies: tuple[ReplyView, ...]


def get_member(session: Session, member_id: int) -> Member:
    """Returns the member with Parliament's id. Raises NotFound where there is none."""
    member = session.get(Member, member_id)
    if member is None:
        raise NotFound("member_unknown", f"There is no member {member_id}.")
    return member


def of_member(
    session: Session,
    member_id: int,
    *,
    viewer: UUID | None,
    reads_replies: bool,
    today: date,
) -> MemberView:
    """Returns a member, in a fixed number of statements. Raises NotFound where there is none.

    `viewer` is the viewing organisation: its overrides count for the eligibility, and campaigns
    that it has as drafts are included. With `reads_replies`, its own replies are too.
    """
    member = get_member(session, member_id)
    memberships = _memberships(session, member_id)
    open_code = next(
        (row.constituency_code for row, _ in memberships if _is_current(row, today)), None
    )
    seat = seats.seat_of(session, open_code, today=today, organisation_id=viewer)
    own = viewer if reads_replies else None
    return MemberView(
        member=member,
        constituency=seat.constituency if seat else None,
        eligibility=seats.seat_eligibility(seat, Standing.NOT_SIGNED) if seat else None,
        memberships=tuple(memberships),
        offices=tuple(
            (office, _is_current(office, today)) for office in _offices(session, member_id)
        ),
        motions=tuple(_motions(session, member_id, viewer)),
        replies=tuple(_public_replies(session, member_id, excluding=own)),
        own_replies=tuple(
            member_replies.of_member(session, organisation_id=own, member_id=member_id)
            if own
            else ()
        ),
    )


def _is_current(row: Membership | Office, today: date) -> bool:
    return row.starts_on <= today and (row.ends_on is None or row.ends_on > today)


def _memberships(session: Session, member_id: int) -> list[tuple[Membership, Constituency]]:
    statement = (
        select(Membership, Constituency)
        .join(Constituency, col(Constituency.code) == Membership.constituency_code)
        .where(Membership.member_id == member_id)
        .order_by(col(Membership.starts_on).desc(), col(Membership.id).desc())
    )
    return [(membership, seat) for membership, seat in session.exec(statement)]


def _offices(session: Session, member_id: int) -> list[Office]:
    statement = select(Office).where(Office.member_id == member_id)
    return list(session.exec(statement.order_by(col(Office.starts_on).desc(), col(Office.title))))


def _motions(session: Session, member_id: int, viewer: UUID | None) -> list[MemberMotion]:
    """Returns each motion once, even if several campaigns are linked to it."""
    statement = (
        select(Motion, ParliamentSession.name, Campaign.slug)
        .join(CampaignMotion, col(CampaignMotion.motion_id) == Motion.id)
        .join(Campaign, col(Campaign.id) == CampaignMotion.campaign_id)
        .outerjoin(ParliamentSession, col(ParliamentSession.id) == Motion.parliament_session_id)
        .where(_is_shown_to(viewer))
        .order_by(col(Motion.tabled_on).desc(), col(Motion.id).desc(), col(Campaign.slug))
    )
    motions: dict[int, tuple[Motion, str | None]] = {}
    slugs: defaultdict[int, list[str]] = defaultdict(list)
    for motion, name, slug in session.exec(statement):
        motions[motion.id] = (motion, name)
        slugs[motion.id].append(slug)
    positions = _positions(session, member_id, motions)
    return [
        MemberMotion(motion, name, tuple(slugs[motion.id]), positions[motion.id])
        for motion, name in motions.values()
    ]


def _is_shown_to(viewer: UUID | None) -> sa.ColumnElement[bool]:
    """The condition that a campaign is public or the viewer's own."""
    is_public = col(Campaign.status) != CampaignStatus.DRAFT
    return sa.or_(is_public, col(Campaign.organisation_id) == viewer) if viewer else is_public


def _positions(session: Session, member_id: int, motion_ids: Iterable[int]) -> dict[int, Position]:
    """Returns the member's position on each motion, also where they never signed it."""
    ids = list(motion_ids)
    statement = select(MotionSignatory).where(
        col(MotionSignatory.motion_id).in_(ids), MotionSignatory.member_id == member_id
    )
    rows: defaultdict[int, list[MotionSignatory]] = defaultdict(list)
    for row in session.exec(statement):
        rows[row.motion_id].append(row)
    return {motion_id: position_of(rows[motion_id]) for motion_id in ids}


def _public_replies(
    session: Session, member_id: int, *, excluding: UUID | None
) -> list[PublicReply]:
    """Returns verified replies to public campaigns, except those of one organisation."""
    columns = (col(MemberReply.kind), col(MemberReply.said_on), col(MemberReply.link))
    statement = (
        select(*columns, col(Campaign.slug))
        .join(Campaign, col(Campaign.id) == MemberReply.campaign_id)
        .where(
            MemberReply.member_id == member_id,
            col(MemberReply.verified_by).is_not(None),
            col(Campaign.status) != CampaignStatus.DRAFT,
        )
        .order_by(col(MemberReply.said_on).desc(), col(MemberReply.id).desc())
    )
    if excluding is not None:
        statement = statement.where(Campaign.organisation_id != excluding)
    return [
        PublicReply(slug, VerifiedReply(kind, said_on, link))
        for kind, said_on, link, slug in session.exec(statement)
    ]
