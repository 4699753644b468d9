"""Finds the members that a campaign should ask next, best first, each with the reasons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import (
    Campaign,
    CampaignMotion,
    Motion,
    MotionSignatory,
    MotionStatus,
)
from services.campaigns import member_replies
from services.campaigns.member_replies import Statement
from services.errors import Conflict
from services.parliament import parties
from services.parliament.seat_snapshots import SeatConstituency, SeatMember
from services.parliament.standing import Eligibility, StatedIntent
from services.tallies import seat_table
from services.tallies.seat_table import Tally, TallyRow
from services.targets.reasons import Reason, reasons_of
from services.targets.scores import MemberFacts, OtherMotion, Target, assess, rank

_Name = tuple[int, str, UUID | None, int]
"""A name on a motion: the motion's id and number, the campaign's id if linked, the member's id."""


@dataclass(frozen=True, slots=True)
class RankedTarget:
    """A member worth asking. `rank` begins with 1.

    A `score` of 1 is average, and only its order matters. Members who promised to sign come before
    all others.
    """

    rank: int
    constituency: SeatConstituency
    member: SeatMember
    score: float
    signatures: int
    letters_sent: int
    reasons: tuple[Reason, ...]


def of_campaign(
    session: Session, campaign: Campaign, *, limit: int, now: datetime
) -> list[RankedTarget]:
    """Returns at most `limit` members to ask, in a fixed number of statements.

    They can sign, have not, and did not say that they will not: neither in public nor, in a reply
    that nobody has verified, to the campaign's organisation, which alone reads its targets. Raises
    Conflict where the campaign has no motion, or its motion is no longer before Parliament.
    """
    tally = seat_table.of_campaign(session, campaign, now=now)
    motion = _open_motion(tally.motion)
    own = member_replies.own_statements(session, campaign.id)
    targets = rank(_facts(tally, own), _other_motions(session, campaign, motion))[:limit]
    seats = {row.member.id: (row.constituency, row.member) for row in tally.rows if row.member}
    return [
        RankedTarget(
            number,
            *seats[target.facts.member_id],
            score=target.score,
            signatures=target.facts.signatures,
            letters_sent=target.facts.letters,
            reasons=reasons_of(target),
        )
        for number, target in enumerate(targets, start=1)
    ]


def assessed(
    session: Session, campaign: Campaign, tally: Tally, *, only: int | None = None
) -> list[Target]:
    """Returns the scores of all who can be asked, also if they said no, in one statement.

    With `only`, the id of a member, it returns at most theirs. Raises Conflict where `of_campaign`
    does.
    """
    motion = _open_motion(tally.motion)
    return assess(_facts(tally, {}), _other_motions(session, campaign, motion), only=only)


def _open_motion(motion: Motion | None) -> Motion:
    if motion is None:
        raise Conflict("campaign_without_motion", "This campaign has no motion to ask for yet.")
    if motion.status is not MotionStatus.PUBLISHED:
        raise Conflict("motion_ended", "This motion is no longer before Parliament.")
    return motion


def _facts(tally: Tally, own: Mapping[int, Statement]) -> list[MemberFacts]:
    return [
        MemberFacts(
            row.member.id,
            parties.group(row.member.party),
            row.standing,
            row.eligibility is Eligibility.CAN_SIGN,
            row.signatures,
            row.letters_sent,
            _last_said(row, own.get(row.member.id)),
        )
        for row in tally.rows
        if row.member
    ]


def _last_said(row: TallyRow, own: Statement | None) -> StatedIntent | None:
    """Returns what was said in public, or 'will not' where the organisation was told so last.

    A promise that nobody verified moves nobody to the front.
    """
    if own is None or own[1] is not StatedIntent.WILL_NOT:
        return row.said
    public = member_replies.last_statement(row.reply, [row.note] if row.note else [])
    return row.said if public and public[0] > own[0] else StatedIntent.WILL_NOT


def _other_motions(session: Session, campaign: Campaign, motion: Motion) -> list[OtherMotion]:
    """Returns every other motion with names; those once linked to the campaign are marked."""
    is_linked = sa.and_(
        col(CampaignMotion.motion_id) == Motion.id, col(CampaignMotion.campaign_id) == campaign.id
    )
    statement = (
        select(Motion.id, Motion.number, CampaignMotion.campaign_id, MotionSignatory.member_id)
        .join(MotionSignatory, col(MotionSignatory.motion_id) == Motion.id)
        .outerjoin(CampaignMotion, is_linked)
        .where(Motion.id != motion.id, ~col(MotionSignatory.is_withdrawn))
        .order_by(col(Motion.id))
    )
    names: list[_Name] = [(*row,) for row in session.exec(statement)]
    return [_other_motion(list(rows)) for _, rows in groupby(names, key=itemgetter(0))]


def _other_motion(rows: Sequence[_Name]) -> OtherMotion:
    _, number, campaign_id, _ = rows[0]
    members = frozenset(member_id for *_, member_id in rows)
    return OtherMotion(number, members, is_earlier=campaign_id is not None)
