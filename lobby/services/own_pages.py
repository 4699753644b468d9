"""Petitions and campaigns of one organisation, by pages, drafts too."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from lobby.models import Campaign, LetterTally, Organisation, Petition
from lobby.models.base import table_of
from lobby.services import petitions
from lobby.services.errors import NotFound
from lobby.services.time_windows import Bound, Slice, any_after, conditions

_petition, _campaign = table_of(Petition), table_of(Campaign)


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
    where: Slice,
    *,
    bounds: Sequence[Bound] = (),
    petition_id: UUID | None = None,
) -> list[OwnPetition]:
    """Oldest first; with `petition_id` that one alone, if it is theirs."""
    statement = select(Petition).where(
        Petition.organisation_id == organisation_id,
        *conditions(
            bounds, created=_petition.c.created_at, touched=any_after(_petition.c.updated_at)
        ),
    )
    if petition_id is not None:
        statement = statement.where(Petition.id == petition_id)
    statement = statement.order_by(col(Petition.id)).offset(where.offset).limit(where.limit)
    found = list(session.exec(statement))
    counts = petitions.counts(session, [petition.id for petition in found])
    owner = session.get_one(Organisation, organisation_id)
    return [OwnPetition(petition, counts[petition.id], owner) for petition in found]


def petition(session: Session, petition_id: UUID, *, organisation_id: UUID) -> OwnPetition:
    """One of theirs; another's is NotFound."""
    found = of_petitions(session, organisation_id, Slice(0, 1), petition_id=petition_id)
    if not found:
        raise NotFound("petition_unknown", "There is no such petition.")
    return found[0]


def slug_of_petition(session: Session, petition_id: UUID) -> str:
    """By what `signatures.record` knows a petition, whoever's it is, or NotFound."""
    found = session.get(Petition, petition_id)
    if found is None:
        raise NotFound("petition_unknown", "There is no such petition.")
    return found.slug


def of_campaigns(
    session: Session,
    organisation_id: UUID,
    where: Slice,
    *,
    bounds: Sequence[Bound] = (),
    campaign_id: UUID | None = None,
) -> list[OwnCampaign]:
    """Oldest first; with `campaign_id` that one alone, if it is theirs."""
    statement = select(Campaign).where(
        Campaign.organisation_id == organisation_id,
        *conditions(
            bounds, created=_campaign.c.created_at, touched=any_after(_campaign.c.updated_at)
        ),
    )
    if campaign_id is not None:
        statement = statement.where(Campaign.id == campaign_id)
    statement = statement.order_by(col(Campaign.id)).offset(where.offset).limit(where.limit)
    found = list(session.exec(statement))
    sent = _letters_sent(session, [campaign.id for campaign in found])
    owner = session.get_one(Organisation, organisation_id)
    return [OwnCampaign(campaign, sent.get(campaign.id, 0), owner) for campaign in found]


def campaign(session: Session, campaign_id: UUID, *, organisation_id: UUID) -> OwnCampaign:
    """One of theirs; another's is NotFound."""
    found = of_campaigns(session, organisation_id, Slice(0, 1), campaign_id=campaign_id)
    if not found:
        raise NotFound("advocacy_campaign_unknown", "There is no such advocacy campaign.")
    return found[0]


def _letters_sent(session: Session, campaign_ids: list[UUID]) -> dict[UUID, int]:
    tally = table_of(LetterTally)
    statement = (
        sa.select(tally.c.campaign_id, sa.func.sum(tally.c.sent))
        .where(tally.c.campaign_id.in_(campaign_ids))
        .group_by(tally.c.campaign_id)
    )
    return {each: int(sent) for each, sent in session.connection().execute(statement)}
