"""Petitions and campaigns of one organisation, by pages: drafts too, where `viewer` is the
organisation itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, select

from models import Campaign, CampaignStatus, LetterTally, Organisation, Petition, PetitionState
from models.base import table_of
from services.campaigns import petitions
from services.database.time_windows import PageRange, TimeBound, any_after, conditions
from services.errors import NotFound

PageT = TypeVar("PageT", Petition, Campaign)
Shown = sa.ColumnElement[bool]
_petition, _campaign = table_of(Petition), table_of(Campaign)
_SHOWN_CAMPAIGN: Shown = _campaign.c.status != CampaignStatus.DRAFT
_SHOWN_PETITION: Shown = sa.and_(
    _petition.c.state != PetitionState.DRAFT,
    _petition.c.campaign_id.in_(sa.select(_campaign.c.id).where(_SHOWN_CAMPAIGN)),
)
_ONE = PageRange(0, 1)


@dataclass(frozen=True, slots=True)
class OwnPetition:
    """A petition with its confirmed signatures, and whose it is."""

    petition: Petition
    signatures: int
    organisation: Organisation


@dataclass(frozen=True, slots=True)
class OwnCampaign:
    """A campaign with the letters that have gone, and whose it is."""

    campaign: Campaign
    letters_sent: int
    organisation: Organisation


def of_petitions(
    session: Session,
    organisation_id: UUID,
    where: PageRange,
    *,
    viewer: UUID | None,
    bounds: Sequence[TimeBound] = (),
    petition_id: UUID | None = None,
) -> list[OwnPetition]:
    """Oldest first; with `petition_id` that one alone, if it is theirs."""
    shown = sa.true() if viewer == organisation_id else _SHOWN_PETITION
    found = _theirs(session, Petition, organisation_id, where, bounds, petition_id, shown)
    counts = petitions.counts(session, [petition.id for petition in found])
    owner = session.get_one(Organisation, organisation_id)
    return [OwnPetition(petition, counts[petition.id], owner) for petition in found]


def petition(
    session: Session, petition_id: UUID, *, organisation_id: UUID, viewer: UUID | None
) -> OwnPetition:
    """One of theirs; another's is NotFound."""
    found = of_petitions(session, organisation_id, _ONE, viewer=viewer, petition_id=petition_id)
    if not found:
        raise NotFound("petition_unknown", "There is no such petition.")
    return found[0]


def slug_of_petition(session: Session, petition_id: UUID) -> str:
    """By what `recording.record` knows a petition, whoever's it is, or NotFound."""
    found = session.get(Petition, petition_id)
    if found is None:
        raise NotFound("petition_unknown", "There is no such petition.")
    return found.slug


def of_campaigns(
    session: Session,
    organisation_id: UUID,
    where: PageRange,
    *,
    viewer: UUID | None,
    bounds: Sequence[TimeBound] = (),
    campaign_id: UUID | None = None,
) -> list[OwnCampaign]:
    """Oldest first; with `campaign_id` that one alone, if it is theirs."""
    shown = sa.true() if viewer == organisation_id else _SHOWN_CAMPAIGN
    found = _theirs(session, Campaign, organisation_id, where, bounds, campaign_id, shown)
    sent = _letters_sent(session, [campaign.id for campaign in found])
    owner = session.get_one(Organisation, organisation_id)
    return [OwnCampaign(campaign, sent.get(campaign.id, 0), owner) for campaign in found]


def campaign(
    session: Session, campaign_id: UUID, *, organisation_id: UUID, viewer: UUID | None
) -> OwnCampaign:
    """One of theirs; another's is NotFound."""
    found = of_campaigns(session, organisation_id, _ONE, viewer=viewer, campaign_id=campaign_id)
    if not found:
        raise NotFound("advocacy_campaign_unknown", "There is no such advocacy campaign.")
    return found[0]


def _theirs(
    session: Session,
    model: type[PageT],
    organisation_id: UUID,
    where: PageRange,
    bounds: Sequence[TimeBound],
    only: UUID | None,
    shown: Shown,
) -> list[PageT]:
    columns = table_of(model).c
    touched = any_after(columns.updated_at)
    statement = select(model).where(
        columns.organisation_id == organisation_id,
        shown,
        *conditions(bounds, created=columns.created_at, modified=touched),
    )
    if only is not None:
        statement = statement.where(columns.id == only)
    page = statement.order_by(columns.id).offset(where.offset).limit(where.limit)
    return list(session.exec(page))


def _letters_sent(session: Session, campaign_ids: list[UUID]) -> dict[UUID, int]:
    tally = table_of(LetterTally)
    statement = (
        sa.select(tally.c.campaign_id, sa.func.sum(tally.c.sent))
        .where(tally.c.campaign_id.in_(campaign_ids))
        .group_by(tally.c.campaign_id)
    )
    return {each: int(sent) for each, sent in session.connection().execute(statement)}
