"""Campaigns as the public sees them, with their petitions, motions, counts and news."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlmodel import Session, col, func, select

from models import (
    Campaign,
    CampaignStatus,
    CampaignUpdate,
    LetterTally,
    Motion,
    Organisation,
    Partner,
    Petition,
    PetitionState,
)
from services.campaigns import campaign_motions, campaigns, goals, petitions
from services.campaigns.campaign_motions import LinkedMotion, MotionRole
from services.organisations import partners
from services.supporters import wordings


@dataclass(frozen=True, slots=True)
class PetitionView:
    """A petition with its count of confirmed signatures."""

    petition: Petition
    campaign_slug: str
    signature_count: int
    is_open: bool

    @property
    def goal(self) -> int:
        """The goal to show. It moves on, unlike that of the petition, which is set by hand."""
        return goals.shown(self.petition.goal, count=self.signature_count)


@dataclass(frozen=True, slots=True)
class CampaignView:
    """A campaign with everything that its page shows.

    A current motion is the first of `motions`. `partners` are the public partners of the
    organisation, in order of name.
    """

    campaign: Campaign
    organisation: Organisation
    petitions: tuple[PetitionView, ...]
    motions: tuple[LinkedMotion, ...]
    signatures: int
    letters_sent: int
    updates: tuple[CampaignUpdate, ...]
    consent_text: str
    partners: tuple[Partner, ...]

    @property
    def motion(self) -> Motion | None:
        """The current motion, if there is one."""
        return self._current.motion if self._current else None

    @property
    def signatories(self) -> int:
        """The number of distinct members whose names are on the current motion."""
        return self._current.signatories if self._current else 0

    @property
    def signed_in_seats(self) -> int:
        """The number of those of them who hold a seat today."""
        return self._current.signed_in_seats if self._current else 0

    @property
    def other_motions(self) -> tuple[LinkedMotion, ...]:
        """Amendments and earlier motions."""
        return tuple(linked for linked in self.motions if linked is not self._current)

    @property
    def _current(self) -> LinkedMotion | None:
        return next((linked for linked in self.motions if linked.role is MotionRole.CURRENT), None)


def of_campaign(
    session: Session, campaign: Campaign, *, now: datetime, as_if_open: bool = False
) -> CampaignView:
    """Returns one campaign, with its news and partners.

    `as_if_open` is for the preview of a draft: it returns the campaign and its petitions as the
    public will see them, as copies that are never stored.
    """
    shown = _as_open(campaign) if as_if_open else campaign
    view = of_campaigns(session, [shown], now=now, with_partners=True)[0]
    if as_if_open:
        view = replace(view, petitions=_petitions_as_open(session, shown, now))
    news = tuple(campaigns.updates_of(session, campaign.id, now=now))
    return replace(view, updates=news)


def of_campaigns(
    session: Session, shown: list[Campaign], *, now: datetime, with_partners: bool = False
) -> list[CampaignView]:
    """Returns several campaigns without their news, in a fixed number of statements.

    Without `with_partners`, `partners` is empty, which saves one statement.
    """
    ids = [campaign.id for campaign in shown]
    organisations = campaigns.organisations_of(session, shown)
    consents = wordings.updates_texts_of(session, organisations.values())
    public_partners = partners.public_of(session, organisations) if with_partners else {}
    motions = campaign_motions.of_campaigns(session, ids, today=now.date())
    by_campaign = _petition_views(session, shown, now)
    letters = _letters_sent(session, ids)
    views = []
    for campaign in shown:
        petition_views = by_campaign[campaign.id]
        views.append(
            CampaignView(
                campaign=campaign,
                organisation=organisations[campaign.organisation_id],
                petitions=petition_views,
                motions=motions[campaign.id],
                signatures=sum(view.signature_count for view in petition_views),
                letters_sent=letters.get(campaign.id, 0),
                updates=(),
                consent_text=consents[campaign.organisation_id],
                partners=public_partners.get(campaign.organisation_id, ()),
            )
        )
    return views


def _as_open(campaign: Campaign) -> Campaign:
    return Campaign(**campaign.model_dump() | {"status": CampaignStatus.OPEN})


def _petitions_as_open(
    session: Session, campaign: Campaign, now: datetime
) -> tuple[PetitionView, ...]:
    """Returns the petitions that opening the campaign opens: see `services.building.stages`."""
    rows = petitions.of_campaigns(session, [campaign.id], with_drafts=True)[campaign.id]
    counts = petitions.counts(session, [row.id for row in rows])
    views = []
    for row in rows:
        opens = row.state is PetitionState.DRAFT and row.addressed_to != ""
        state = PetitionState.OPEN if opens else row.state
        petition = Petition(**row.model_dump() | {"state": state})
        is_open = petitions.is_open(petition, campaign_status=campaign.status, now=now)
        views.append(PetitionView(petition, campaign.slug, counts[row.id], is_open))
    return tuple(view for view in views if view.petition.state is not PetitionState.DRAFT)


def of_petition(session: Session, petition: Petition, *, now: datetime) -> PetitionView:
    campaign = session.get_one(Campaign, petition.campaign_id)
    return PetitionView(
        petition=petition,
        campaign_slug=campaign.slug,
        signature_count=petitions.count(session, petition.id),
        is_open=petitions.is_open(petition, campaign_status=campaign.status, now=now),
    )


def of_petitions(
    session: Session, rows: Sequence[tuple[Petition, Campaign]], *, now: datetime
) -> list[PetitionView]:
    """Returns petitions, given with their campaigns, in one statement."""
    counts = petitions.counts(session, [petition.id for petition, _ in rows])
    return [
        PetitionView(
            petition,
            campaign.slug,
            counts[petition.id],
            petitions.is_open(petition, campaign_status=campaign.status, now=now),
        )
        for petition, campaign in rows
    ]


def _petition_views(
    session: Session, shown: list[Campaign], now: datetime
) -> dict[UUID, tuple[PetitionView, ...]]:
    by_campaign = petitions.of_campaigns(session, [campaign.id for campaign in shown])
    ids = [petition.id for group in by_campaign.values() for petition in group]
    counts = petitions.counts(session, ids)
    return {
        campaign.id: tuple(
            PetitionView(
                petition,
                campaign.slug,
                counts[petition.id],
                petitions.is_open(petition, campaign_status=campaign.status, now=now),
            )
            for petition in by_campaign[campaign.id]
        )
        for campaign in shown
    }


def _letters_sent(session: Session, campaign_ids: list[UUID]) -> dict[UUID, int]:
    statement = (
        select(LetterTally.campaign_id, func.sum(LetterTally.sent))
        .where(col(LetterTally.campaign_id).in_(campaign_ids))
        .group_by(col(LetterTally.campaign_id))
    )
    return {campaign_id: int(sent) for campaign_id, sent in session.exec(statement)}
