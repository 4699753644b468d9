"""Paged lists of one organisation's petitions and campaigns.

Drafts are included if `viewer` is the organisation itself.
"""

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
from services.database.totals import counted
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
    """A petition with its number of confirmed signatures and its organisation."""

    petition: Petition
    signatures: int
    organisation: Organisation


@dataclass(frozen=True, slots=True)
class OwnCampaign:
    """A campaign with its number of sent letters and its organisation."""

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
    """Returns petitions, the oldest first; `petition_id` limits the page to that one."""
    shown = sa.true() if viewer == organisation_id else _SHOWN_PETITION
    rows = _page(session, Petition, organisation_id, where, bounds, petition_id, shown)
    counts = petitions.counts(session, [row.id for row in rows])
    owner = session.get_one(Organisation, organisation_id)
    return [OwnPetition(row, counts[row.id], owner) for row in rows]


def total_petitions(session: Session, organisation_id: UUID, *, viewer: UUID | None) -> int | None:
    """Returns how many petitions `of_petitions` lists; None as `counted`."""
    return _total(session, _petition, organisation_id, viewer, _SHOWN_PETITION)


def total_campaigns(session: Session, organisation_id: UUID, *, viewer: UUID | None) -> int | None:
    """Returns how many campaigns `of_campaigns` lists; None as `counted`."""
    return _total(session, _campaign, organisation_id, viewer, _SHOWN_CAMPAIGN)


def petition(
    session: Session, petition_id: UUID, *, organisation_id: UUID, viewer: UUID | None
) -> OwnPetition:
    """Returns a petition of this organisation; raises NotFound for any other."""
    rows = of_petitions(session, organisation_id, _ONE, viewer=viewer, petition_id=petition_id)
    if not rows:
        raise NotFound("petition_unknown", "There is no such petition.")
    return rows[0]


def slug_of_petition(session: Session, petition_id: UUID) -> str:
    """Returns the slug of any organisation's petition, which `recording.record` needs.

    Raises NotFound.
    """
    row = session.get(Petition, petition_id)
    if row is None:
        raise NotFound("petition_unknown", "There is no such petition.")
    return row.slug


def of_campaigns(
    session: Session,
    organisation_id: UUID,
    where: PageRange,
    *,
    viewer: UUID | None,
    bounds: Sequence[TimeBound] = (),
    campaign_id: UUID | None = None,
) -> list[OwnCampaign]:
    """Returns campaigns, the oldest first; `campaign_id` limits the page to that one."""
    shown = sa.true() if viewer == organisation_id else _SHOWN_CAMPAIGN
    rows = _page(session, Campaign, organisation_id, where, bounds, campaign_id, shown)
    sent = _letters_sent(session, [row.id for row in rows])
    owner = session.get_one(Organisation, organisation_id)
    return [OwnCampaign(row, sent.get(row.id, 0), owner) for row in rows]


def campaign(
    session: Session, campaign_id: UUID, *, organisation_id: UUID, viewer: UUID | None
) -> OwnCampaign:
    """Returns a campaign of this organisation; raises NotFound for any other."""
    rows = of_campaigns(session, organisation_id, _ONE, viewer=viewer, campaign_id=campaign_id)
    if not rows:
        raise NotFound("advocacy_campaign_unknown", "There is no such advocacy campaign.")
    return rows[0]


def _page(
    session: Session,
    model: type[PageT],
    organisation_id: UUID,
    where: PageRange,
    bounds: Sequence[TimeBound],
    only_id: UUID | None,
    shown: Shown,
) -> list[PageT]:
    columns = table_of(model).c
    touched = any_after(columns.updated_at)
    statement = select(model).where(
        columns.organisation_id == organisation_id,
        shown,
        *conditions(bounds, created=columns.created_at, modified=touched),
    )
    if only_id is not None:
        statement = statement.where(columns.id == only_id)
    page = statement.order_by(columns.id).offset(where.offset).limit(where.limit)
    return list(session.exec(page))


def _total(
    session: Session, table: sa.Table, organisation_id: UUID, viewer: UUID | None, shown: Shown
) -> int | None:
    rows = sa.select(table.c.id).where(
        table.c.organisation_id == organisation_id,
        sa.true() if viewer == organisation_id else shown,
    )
    return counted(session, rows)


def _letters_sent(session: Session, campaign_ids: list[UUID]) -> dict[UUID, int]:
    tally = table_of(LetterTally)
    statement = (
        sa.select(tally.c.campaign_id, sa.func.sum(tally.c.sent))
        .where(tally.c.campaign_id.in_(campaign_ids))
        .group_by(tally.c.campaign_id)
    )
    rows = session.connection().execute(statement)
    return {campaign_id: int(sent) for campaign_id, sent in rows}
