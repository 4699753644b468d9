"""What the pages of campaigns and the list of campaigns show beside the campaign itself."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from models import (
    Campaign,
    CampaignEvent,
    CampaignStatus,
    Constituency,
    EventKind,
    Member,
    Membership,
    Motion,
    MotionSignatory,
    MotionStatus,
    Petition,
    PetitionTally,
)
from services.campaigns.campaign_motions import MotionRole
from services.common import times
from services.organisations import faces
from services.organisations.faces import Face
from services.parliament.standing import SPONSORS
from services.pictures import pictures
from services.pictures.pictures import ShownPicture
from services.views import campaign_views
from services.views.campaign_views import CampaignView, PetitionView

BACKERS = 6
"""How many of the MPs who have signed the page names. All are in the tally."""
OTHERS = 5
"""How many other campaigns the page of an ended one lists."""


@dataclass(frozen=True, slots=True)
class Backer:
    """An MP who has signed the motion. `constituency` is None if they have left Parliament."""

    member_id: int
    name: str
    party: str
    constituency: str | None


@dataclass(frozen=True, slots=True)
class CampaignPage:
    """A campaign with what its page shows.

    `backers` are the first of the MPs who have signed: the sponsors, then by day. `seats` counts
    all constituencies, and `seats_with_signatures` those where somebody has signed. `event` is the
    next date that has a kind, and `days_left` the days until then. `others` are open campaigns of
    the same organisation, where this one has ended.
    """

    view: CampaignView
    face: Face
    picture: ShownPicture | None
    backers: tuple[Backer, ...]
    seats: int
    seats_with_signatures: int
    event: CampaignEvent | None
    days_left: int
    others: tuple[CampaignView, ...]

    @property
    def form_petition(self) -> PetitionView | None:
        """The petition with the form: the first that is open."""
        return next((petition for petition in self.view.petitions if petition.is_open), None)

    @property
    def main_petition(self) -> PetitionView | None:
        """The petition that the page is about: that of the form, or else the first."""
        return self.form_petition or next(iter(self.view.petitions), None)

    @property
    def other_petitions(self) -> tuple[PetitionView, ...]:
        """The other petitions of the campaign."""
        return tuple(row for row in self.view.petitions if row is not self.main_petition)

    @property
    def title(self) -> str:
        """The main heading: what the petition asks for, or else the campaign's title."""
        main = self.main_petition
        return main.petition.action if main else self.view.campaign.title

    @property
    def takes_letters(self) -> bool:
        """See `takes_letters`."""
        return takes_letters(self.view)

    @property
    def successor(self) -> Motion | None:
        """The motion that MPs can sign instead, where the current one has lapsed."""
        if self.view.motion is None or self.view.motion.status is MotionStatus.PUBLISHED:
            return None
        motions = [
            linked.motion
            for linked in self.view.other_motions
            if linked.role is not MotionRole.AMENDMENT
        ]
        return next((row for row in motions if row.status is MotionStatus.PUBLISHED), None)


@dataclass(frozen=True, slots=True)
class CampaignCard:
    """A campaign in a list, with its picture, its signatures and the goal to show."""

    view: CampaignView
    picture: ShownPicture | None

    @property
    def main_petition(self) -> PetitionView | None:
        """The first open petition, or else the first."""
        shown = self.view.petitions
        return next((petition for petition in shown if petition.is_open), next(iter(shown), None))


def of_campaign(
    session: Session, campaign: Campaign, *, now: datetime, as_if_open: bool = False
) -> CampaignPage:
    """Returns everything that a campaign's page shows, in a fixed number of statements.

    `as_if_open`: see `campaign_views.of_campaign`.
    """
    view = campaign_views.of_campaign(session, campaign, now=now, as_if_open=as_if_open)
    event = _next_event(session, campaign.id, now)
    return CampaignPage(
        view=view,
        face=faces.of_organisation(session, view.organisation),
        picture=pictures.shown(session, campaign.id),
        backers=_backers(session, view.motion.id, now) if view.motion else (),
        seats=seat_count(session),
        seats_with_signatures=_seats_with_signatures(session, campaign.id),
        event=event,
        days_left=(event.day - times.today(now)).days if event else 0,
        others=_others(session, campaign, now),
    )


def cards(session: Session, shown: list[Campaign], *, now: datetime) -> list[CampaignCard]:
    """Returns campaigns for a list, in a fixed number of statements."""
    by_campaign = pictures.shown_of_campaigns(session, [campaign.id for campaign in shown])
    return [
        CampaignCard(view, by_campaign.get(view.campaign.id))
        for view in campaign_views.of_campaigns(session, shown, now=now)
    ]


def takes_letters(view: CampaignView) -> bool:
    """Returns whether the campaign is open, and its motion too if it has one."""
    motion, is_open = view.motion, view.campaign.status is CampaignStatus.OPEN
    return is_open and (motion is None or motion.status is MotionStatus.PUBLISHED)


def seat_count(session: Session) -> int:
    """Returns how many constituencies there are."""
    return session.exec(select(func.count(col(Constituency.code)))).one()


def _backers(session: Session, motion_id: int, now: datetime) -> tuple[Backer, ...]:
    today = now.date()
    seat_today = sa.and_(
        col(Membership.member_id) == Member.id,
        col(Membership.starts_on) <= today,
        sa.or_(col(Membership.ends_on).is_(None), col(Membership.ends_on) > today),
    )
    statement = (
        select(col(Member.id), col(Member.name), col(Member.party), col(Constituency.name))
        .join(MotionSignatory, col(MotionSignatory.member_id) == Member.id)
        .outerjoin(Membership, seat_today)
        .outerjoin(Constituency, col(Constituency.code) == Membership.constituency_code)
        .where(MotionSignatory.motion_id == motion_id, ~col(MotionSignatory.is_withdrawn))
        .order_by(
            func.coalesce(MotionSignatory.sponsoring_order, SPONSORS + 1),
            col(MotionSignatory.signed_on),
            col(MotionSignatory.id),
        )
        .limit(2 * BACKERS)  # Parliament sometimes repeats a member
    )
    rows = session.exec(statement)
    by_member = {row[0]: Backer(*row) for row in rows}
    return tuple(by_member.values())[:BACKERS]


def _seats_with_signatures(session: Session, campaign_id: UUID) -> int:
    statement = (
        select(func.count(sa.distinct(col(PetitionTally.constituency_code))))
        .join(Petition, col(Petition.id) == PetitionTally.petition_id)
        .join(Constituency, col(Constituency.code) == PetitionTally.constituency_code)
        .where(Petition.campaign_id == campaign_id, col(PetitionTally.confirmed) > 0)
    )
    return session.exec(statement).one()


def _next_event(session: Session, campaign_id: UUID, now: datetime) -> CampaignEvent | None:
    statement = (
        select(CampaignEvent)
        .where(
            CampaignEvent.campaign_id == campaign_id,
            CampaignEvent.kind != EventKind.OTHER,
            col(CampaignEvent.day) >= times.today(now),
        )
        .order_by(col(CampaignEvent.day))
        .limit(1)
    )
    return session.exec(statement).first()


def _others(session: Session, campaign: Campaign, now: datetime) -> tuple[CampaignView, ...]:
    if campaign.status in (CampaignStatus.DRAFT, CampaignStatus.OPEN):
        return ()
    statement = select(Campaign).where(
        Campaign.organisation_id == campaign.organisation_id,
        Campaign.status == CampaignStatus.OPEN,
    )
    rows = session.exec(statement.order_by(col(Campaign.id).desc()).limit(OTHERS)).all()
    return tuple(campaign_views.of_campaigns(session, list(rows), now=now))
