"""What a campaign still lacks before its organisers should open it.

One rule feeds the list beside each step, the signs of the steps, the home of the desk, and the
refusal to open. Campaigns that are opened through the API need none of this.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from models import (
    Campaign,
    CampaignMotion,
    Constituency,
    LetterVariant,
    Membership,
    Organisation,
    Organiser,
    Petition,
    PetitionState,
    Picture,
    PrivacyNotice,
    Role,
)
from models.base import UtcDateTime
from services.letters.kinds import variants

WALES = "Wales"


class Part(StrEnum):
    """What a campaign needs, or does better with; in the order of the steps."""

    TEXTS = "texts"
    PETITION = "petition"
    MOTION = "motion"
    PURPOSE = "purpose"
    LETTERS = "letters"
    WELSH_POINTS = "welsh_points"
    PICTURE = "picture"
    CONTACT = "contact"
    NOTICE = "notice"
    PARLIAMENT = "parliament"
    SECOND_OWNER = "second_owner"


ADVISED = frozenset({Part.WELSH_POINTS, Part.PICTURE, Part.CONTACT, Part.SECOND_OWNER})
"""The parts without which a campaign may open."""


@dataclass(frozen=True, slots=True)
class Point:
    """A part, and whether it is there."""

    part: Part
    is_done: bool

    @property
    def is_required(self) -> bool:
        """Returns whether the campaign cannot open without it."""
        return self.part not in ADVISED


@dataclass(frozen=True, slots=True)
class Readiness:
    """The points of a campaign. Those that do not concern it are left out."""

    points: tuple[Point, ...]

    @property
    def missing(self) -> tuple[Part, ...]:
        """The parts that must be done before it opens."""
        return self._open(is_required=True)

    @property
    def advised(self) -> tuple[Part, ...]:
        """The parts that it does better with."""
        return self._open(is_required=False)

    @property
    def done(self) -> tuple[Part, ...]:
        """The parts that are there."""
        return tuple(point.part for point in self.points if point.is_done)

    def _open(self, *, is_required: bool) -> tuple[Part, ...]:
        points = (point for point in self.points if not point.is_done)
        return tuple(point.part for point in points if point.is_required is is_required)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a campaign and its organisation have, looked up for several at once."""

    has_petition: bool
    has_motion: bool
    has_picture: bool
    has_contact: bool
    has_notice: bool
    has_second_owner: bool
    has_parliament: bool
    has_all_letters: bool


def of_campaign(session: Session, campaign: Campaign, *, now: datetime) -> Readiness:
    """Returns what one campaign has and lacks."""
    return of_campaigns(session, [campaign], now=now)[campaign.id]


def of_campaigns(
    session: Session, campaigns: Sequence[Campaign], *, now: datetime
) -> dict[UUID, Readiness]:
    """Returns the same for several campaigns, in one statement."""
    facts = _facts(session, campaigns, now)
    return {campaign.id: Readiness(_points(campaign, facts[campaign.id])) for campaign in campaigns}


def _points(campaign: Campaign, facts: _Facts) -> tuple[Point, ...]:
    points = [
        Point(Part.TEXTS, bool(campaign.title and campaign.summary)),
        Point(Part.PETITION, facts.has_petition),
        Point(Part.MOTION, facts.has_motion or campaign.runs_without_motion),
    ]
    if facts.has_motion:
        points.append(Point(Part.PURPOSE, bool(campaign.purpose)))
    points.append(Point(Part.LETTERS, facts.has_all_letters))
    if campaign.letter_points and WALES in (campaign.nations or [WALES]):
        points.append(Point(Part.WELSH_POINTS, _is_translated(campaign)))
    return (
        *points,
        Point(Part.PICTURE, facts.has_picture),
        Point(Part.CONTACT, facts.has_contact),
        Point(Part.NOTICE, facts.has_notice),
        Point(Part.PARLIAMENT, facts.has_parliament),
        Point(Part.SECOND_OWNER, facts.has_second_owner),
    )


def _is_translated(campaign: Campaign) -> bool:
    translated = [point for point in campaign.letter_points_welsh if point]
    return len(translated) == len(campaign.letter_points)


def _facts(session: Session, campaigns: Sequence[Campaign], now: datetime) -> dict[UUID, _Facts]:
    values = {"ids": [campaign.id for campaign in campaigns], "now": now, "today": now.date()}
    has: dict[UUID, _Facts] = {}
    letters: defaultdict[UUID, list[LetterVariant]] = defaultdict(list)
    for campaign_id, *found, letter in session.execute(_HAS, values):
        has[campaign_id] = _Facts(*map(bool, (*found, True)))
        if letter is not None:
            letters[campaign_id].append(letter)
    return {
        campaign_id: replace(
            facts,
            has_all_letters=not variants.leave_out_members(
                letters[campaign_id], has_motion=facts.has_motion
            ),
        )
        for campaign_id, facts in has.items()
    }


_NOW, _TODAY = sa.bindparam("now", type_=UtcDateTime()), sa.bindparam("today", type_=sa.Date())
_OWNERS = (
    sa.select(sa.func.count(col(Organiser.id)))
    .where(
        col(Organiser.organisation_id) == Campaign.organisation_id,
        col(Organiser.role) == Role.OWNER,
    )
    .correlate(Campaign)
    .scalar_subquery()
)
# In the order of the fields of `_Facts`, with one row for each of the campaign's own letters.
_HAS = (
    sa.select(
        col(Campaign.id),
        # It takes signatures once the campaign is open: opening it opens its drafts that say to
        # whom they are addressed.
        sa.exists().where(
            col(Petition.campaign_id) == Campaign.id,
            col(Petition.state) != PetitionState.CLOSED,
            col(Petition.addressed_to) != "",
            sa.or_(col(Petition.closes_at).is_(None), col(Petition.closes_at) > _NOW),
        ),
        sa.exists().where(
            col(CampaignMotion.campaign_id) == Campaign.id, col(CampaignMotion.is_current)
        ),
        sa.exists().where(col(Picture.campaign_id) == Campaign.id),
        col(Organisation.contact_email).is_not(None),
        sa.exists().where(col(PrivacyNotice.organisation_id) == Campaign.organisation_id),
        _OWNERS > 1,
        sa.exists(sa.select(col(Constituency.code)))
        & sa.exists().where(
            col(Membership.starts_on) <= _TODAY,
            sa.or_(col(Membership.ends_on).is_(None), col(Membership.ends_on) > _TODAY),
        ),
        LetterVariant,
    )
    .join(Organisation, col(Organisation.id) == Campaign.organisation_id)
    .outerjoin(LetterVariant, col(LetterVariant.campaign_id) == Campaign.id)
    .where(col(Campaign.id).in_(sa.bindparam("ids", expanding=True)))
    .order_by(col(Campaign.id), col(LetterVariant.position))
)
