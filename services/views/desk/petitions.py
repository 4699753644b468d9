"""The petitions of an organisation's campaigns, with their counts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from models import Campaign, CampaignStatus, Petition, PetitionState, PetitionTally
from services.campaigns import petitions
from services.signatures import pending_views


@dataclass(frozen=True, slots=True)
class DeskPetition:
    """A petition. `unconfirmed` stops at one more than `pending_views.MOST_COUNTED`."""

    petition: Petition
    signatures: int
    unconfirmed: int
    is_open: bool

    @property
    def is_draft(self) -> bool:
        """Returns whether only the organisation sees the petition."""
        return self.petition.state is PetitionState.DRAFT


def of_organisation(
    session: Session, organisation_id: UUID, *, now: datetime
) -> list[DeskPetition]:
    """Returns every petition, drafts too, in order of their numbers, in one statement."""
    values = {"organisation_id": organisation_id, **pending_views.count_values()}
    return _read(session, _OF_ORGANISATION, values, now)


def of_campaign(session: Session, campaign_id: UUID, *, now: datetime) -> list[DeskPetition]:
    """Returns those of one campaign, likewise."""
    values = {"campaign_id": campaign_id, **pending_views.count_values()}
    return _read(session, _OF_CAMPAIGN, values, now)


def _read(
    session: Session, statement: sa.Select[Any], values: dict[str, Any], now: datetime
) -> list[DeskPetition]:
    # Sorted here: databases would sort after they counted, and plans would say so.
    rows = sorted(session.execute(statement, values), key=lambda row: row[0].number)
    return [
        DeskPetition(
            petition,
            int(count),
            unconfirmed,
            petitions.is_open(petition, campaign_status=CampaignStatus(status), now=now),
        )
        for petition, status, count, unconfirmed in rows
    ]


_COUNT = (
    sa.select(sa.func.coalesce(sa.func.sum(col(PetitionTally.confirmed)), 0))
    .where(col(PetitionTally.petition_id) == Petition.id)
    .correlate(Petition)
    .scalar_subquery()
)
_PETITIONS = sa.select(Petition, col(Campaign.status), _COUNT, pending_views.COUNT).join(
    Campaign, col(Campaign.id) == Petition.campaign_id
)
_OF_ORGANISATION = _PETITIONS.where(
    col(Petition.organisation_id) == sa.bindparam("organisation_id")
)
_OF_CAMPAIGN = _PETITIONS.where(col(Petition.campaign_id) == sa.bindparam("campaign_id"))
