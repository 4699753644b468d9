"""What the public pages of one MP and of one seat show, in one campaign."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import Campaign, CampaignStatus, Constituency, Member, Membership, MotionStatus
from services.errors import NotFound
from services.parliament import motions
from services.parliament.standing import Position, Standing, position_of
from services.tallies import public_tallies
from services.tallies.seat_table import Tally, TallyRow

_LARGEST_ID = 2**31 - 1


@dataclass(frozen=True, slots=True)
class MemberPage:
    """An MP and their position on the motion of a campaign.

    `row` is that of their seat, without small numbers. It is None for a former MP, whose last seat
    is `last_seat`. The tally is that of `public_tallies`.
    """

    campaign: Campaign
    tally: Tally
    member_id: int
    name: str
    party: str
    row: TallyRow | None
    position: Position
    last_seat: Constituency | None = None

    @property
    def takes_letters(self) -> bool:
        """Whether constituents can write to the MP about the campaign now."""
        motion, is_open = self.tally.motion, self.campaign.status is CampaignStatus.OPEN
        return (
            self.row is not None
            and self.position.standing is not Standing.WITHDRAWN
            and is_open
            and (motion is None or motion.status is MotionStatus.PUBLISHED)
        )


def of_member(session: Session, campaign: Campaign, member_id: int, *, now: datetime) -> MemberPage:
    """Returns the page of a member, sitting or former. Raises NotFound where there is none."""
    tally = public_tallies.of_campaign(session, campaign, now=now)
    for row in tally.rows:
        if row.member is not None and row.member.id == member_id:
            position = _position(session, tally, member_id, row.standing)
            about = (member_id, row.member.name, row.member.party)
            return MemberPage(campaign, tally, *about, row, position)
    return _of_former(session, campaign, tally, member_id)


def member_of_seat(session: Session, code: str, *, now: datetime) -> int | None:
    """Returns the id of a seat's member, or None. Raises NotFound where there is no such seat."""
    today = now.date()
    is_open = sa.and_(
        col(Membership.constituency_code) == Constituency.code,
        col(Membership.starts_on) <= today,
        sa.or_(col(Membership.ends_on).is_(None), col(Membership.ends_on) > today),
    )
    statement = (
        select(Constituency.code, Membership.member_id)
        .outerjoin(Membership, is_open)
        .where(Constituency.code == code)
    )
    found = session.exec(statement).first()
    if found is None:
        raise NotFound("constituency_unknown", "There is no such constituency.")
    return found[1]


def of_seat(
    session: Session, campaign: Campaign, code: str, *, now: datetime
) -> tuple[Tally, TallyRow]:
    """Returns the tally and its row of a known seat, both without small numbers."""
    tally = public_tallies.of_campaign(session, campaign, now=now)
    return tally, next(row for row in tally.rows if row.constituency.code == code)


def _position(session: Session, tally: Tally, member_id: int, standing: Standing) -> Position:
    """Returns the position with its day. A tally has none of withdrawals."""
    if tally.motion is None or standing is Standing.NOT_SIGNED:
        return position_of(())
    return motions.position_of_member(session, tally.motion.id, member_id)


def _of_former(session: Session, campaign: Campaign, tally: Tally, member_id: int) -> MemberPage:
    member = session.get(Member, member_id) if 0 < member_id <= _LARGEST_ID else None
    if member is None:
        raise NotFound("member_unknown", f"There is no member {member_id}.")
    motion = tally.motion
    position = (
        motions.position_of_member(session, motion.id, member_id) if motion else position_of(())
    )
    about = (member_id, member.name, member.party)
    return MemberPage(campaign, tally, *about, None, position, _last_seat(session, member_id))


def _last_seat(session: Session, member_id: int) -> Constituency | None:
    statement = (
        select(Constituency)
        .join(Membership, col(Membership.constituency_code) == Constituency.code)
        .where(Membership.member_id == member_id)
        .order_by(col(Membership.starts_on).desc(), col(Membership.id).desc())
        .limit(1)
    )
    return session.exec(statement).first()
