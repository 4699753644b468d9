"""All that we know of one member: seats, offices, motions, and what they answered."""

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
from services.parliament.standing import Eligibility, Position, Standing, position_of


@dataclass(frozen=True, slots=True)
class MemberMotion:
    """A motion with how the member stands towards it, and the campaigns that are linked to it."""

    motion: Motion
    parliament_session: str | None
    campaigns: tuple[str, ...]
    position: Position


@dataclass(frozen=True, slots=True)
class PublicReply:
    """What the public sees of a reply, with the slug of the campaign that it was given to."""

    campaign: str
    reply: VerifiedReply


@dataclass(frozen=True, slots=True)
class MemberView:
    """A member today. `constituency` and `eligibility` are None where they hold no seat.

    Memberships and offices are in the order of their days, the last first; motions by the day of
    tabling, replies by the day of saying. `own_replies` are the viewer's own, whole, and are not
    among the `replies`.
    """

    member: Member
    constituency: Constituency | None
    eligibility: Eligibility | None
    memberships: tuple[tuple[Membership, Constituency], ...]
    offices: tuple[tuple[Office, bool], ...]
    motions: tuple[MemberMotion, ...]
    replies: tuple[PublicReply, ...]
    own_replies: tuple[ReplyView, ...]


def get_member(session: Session, member_id: int) -> Member:
    """The member with Parliament's id, or NotFound."""
    found = session.get(Member, member_id)
    if found is None:
        raise NotFound("member_unknown", f"There is no member {member_id}.")
    return found


def of_member(
    session: Session,
    member_id: int,
    *,
    viewer: UUID | None,
    reads_replies: bool,
    today: date,
) -> MemberView:
    """A member, in a fixed handful of statements; NotFound where we know nobody of that id.

    `viewer` is the organisation that looks: its notes count for the eligibility, and its drafts
    are shown. `reads_replies`: its own replies are, too, and whole.
    """
    member = get_member(session, member_id)
    sat = _memberships(session, member_id)
    open_code = next((held.constituency_code for held, _ in sat if _holds(held, today)), None)
    seat = seats.seat_of(session, open_code, today=today, organisation_id=viewer)
    own = viewer if reads_replies else None
    return MemberView(
        member=member,
        constituency=seat.constituency if seat else None,
        eligibility=seats.seat_eligibility(seat, Standing.NOT_SIGNED) if seat else None,
        memberships=tuple(sat),
        offices=tuple((office, _holds(office, today)) for office in _offices(session, member_id)),
        motions=tuple(_motions(session, member_id, viewer)),
        replies=tuple(_public_replies(session, member_id, but=own)),
        own_replies=tuple(
            member_replies.of_member(session, organisation_id=own, member_id=member_id)
            if own
            else ()
        ),
    )


def _holds(row: Membership | Office, today: date) -> bool:
    return row.starts_on <= today and (row.ends_on is None or row.ends_on > today)


def _memberships(session: Session, member_id: int) -> list[tuple[Membership, Constituency]]:
    statement = (
        select(Membership, Constituency)
        .join(Constituency, col(Constituency.code) == Membership.constituency_code)
        .where(Membership.member_id == member_id)
        .order_by(col(Membership.starts_on).desc(), col(Membership.id).desc())
    )
    return [(held, seat) for held, seat in session.exec(statement)]


def _offices(session: Session, member_id: int) -> list[Office]:
    statement = select(Office).where(Office.member_id == member_id)
    return list(session.exec(statement.order_by(col(Office.starts_on).desc(), col(Office.title))))


def _motions(session: Session, member_id: int, viewer: UUID | None) -> list[MemberMotion]:
    """One a motion, however many campaigns are linked to it."""
    statement = (
        select(Motion, ParliamentSession.name, Campaign.slug)
        .join(CampaignMotion, col(CampaignMotion.motion_id) == Motion.id)
        .join(Campaign, col(Campaign.id) == CampaignMotion.campaign_id)
        .outerjoin(ParliamentSession, col(ParliamentSession.id) == Motion.parliament_session_id)
        .where(_is_shown_to(viewer))
        .order_by(col(Motion.tabled_on).desc(), col(Motion.id).desc(), col(Campaign.slug))
    )
    found: dict[int, tuple[Motion, str | None]] = {}
    slugs: defaultdict[int, list[str]] = defaultdict(list)
    for motion, name, slug in session.exec(statement):
        found[motion.id] = (motion, name)
        slugs[motion.id].append(slug)
    positions = _positions(session, member_id, found)
    return [
        MemberMotion(motion, name, tuple(slugs[motion.id]), positions[motion.id])
        for motion, name in found.values()
    ]


def _is_shown_to(viewer: UUID | None) -> sa.ColumnElement[bool]:
    """Of a campaign: public, or the viewer's own."""
    is_public = col(Campaign.status) != CampaignStatus.DRAFT
    return sa.or_(is_public, col(Campaign.organisation_id) == viewer) if viewer else is_public


def _positions(session: Session, member_id: int, motion_ids: Iterable[int]) -> dict[int, Position]:
    """Towards each of the motions; not signed where the member was never under it."""
    ids = list(motion_ids)
    statement = select(MotionSignatory).where(
        col(MotionSignatory.motion_id).in_(ids), MotionSignatory.member_id == member_id
    )
    rows: defaultdict[int, list[MotionSignatory]] = defaultdict(list)
    for row in session.exec(statement):
        rows[row.motion_id].append(row)
    return {motion_id: position_of(rows[motion_id]) for motion_id in ids}


def _public_replies(session: Session, member_id: int, *, but: UUID | None) -> list[PublicReply]:
    """Verified ones of public campaigns, except those of one organisation."""
    seen = (col(MemberReply.kind), col(MemberReply.said_on), col(MemberReply.link))
    statement = (
        select(*seen, col(Campaign.slug))
        .join(Campaign, col(Campaign.id) == MemberReply.campaign_id)
        .where(
            MemberReply.member_id == member_id,
            col(MemberReply.verified_by).is_not(None),
            col(Campaign.status) != CampaignStatus.DRAFT,
        )
        .order_by(col(MemberReply.said_on).desc(), col(MemberReply.id).desc())
    )
    if but is not None:
        statement = statement.where(Campaign.organisation_id != but)
    return [
        PublicReply(slug, VerifiedReply(kind, said_on, link))
        for kind, said_on, link, slug in session.exec(statement)
    ]
