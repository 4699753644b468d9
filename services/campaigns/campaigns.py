"""Campaigns, their news, and the motion that each is about."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session, col, select

from models import Campaign, CampaignMotion, CampaignStatus, CampaignUpdate, Motion, Organisation
from services.campaigns import campaign_motions
from services.errors import Invalid, NotFound
from services.organisations.organisations import add_unique

_UNDER_WAY = (CampaignStatus.DRAFT, CampaignStatus.OPEN)


def create(
    session: Session,
    *,
    organisation_id: UUID,
    values: dict[str, Any],
    now: datetime,
    motion_id: int | None = None,
) -> Campaign:
    """Add a campaign. Conflict where the slug is taken; the motion must be known already.

    It has the built-in letters, so that it can open at once.
    """
    campaign = Campaign(organisation_id=organisation_id, created_at=now, updated_at=now, **values)
    add_unique(session, campaign, f"There is a campaign '{campaign.slug}' already.")
    if motion_id is not None:
        campaign_motions.link(session, campaign, motion_id, now=now)
    return campaign


def update(
    session: Session,
    campaign: Campaign,
    *,
    values: dict[str, Any],
    now: datetime,
    motion_id: int | None = None,
) -> Campaign:
    """Change the given values only."""
    campaign.sqlmodel_update(values)
    campaign.updated_at = now
    session.add(campaign)
    if motion_id is not None:
        campaign_motions.link(session, campaign, motion_id, now=now)
    session.flush()
    return campaign


def get(session: Session, campaign_id: UUID) -> Campaign:
    """Returns the campaign that a row refers to by its id, a draft too."""
    return session.get_one(Campaign, campaign_id)


def by_slug(session: Session, slug: str) -> Campaign:
    """Any campaign, a draft too: for who runs the service."""
    found = session.exec(select(Campaign).where(Campaign.slug == slug)).first()
    if found is None:
        raise _unknown(slug)
    return found


def public(session: Session, slug: str, *, viewer: UUID | None = None) -> Campaign:
    """A campaign by slug. A draft is NotFound to all but its own organisation (`viewer`)."""
    found = by_slug(session, slug)
    if found.status is CampaignStatus.DRAFT and found.organisation_id != viewer:
        raise _unknown(slug)
    return found


def own(session: Session, slug: str, *, organisation_id: UUID) -> Campaign:
    """A campaign of one organisation; another's is NotFound."""
    found = public(session, slug, viewer=organisation_id)
    if found.organisation_id != organisation_id:
        raise _unknown(slug)
    return found


def page(session: Session, *, after: UUID | None, limit: int) -> list[Campaign]:
    """Public campaigns, newest first, starting behind the id `after`."""
    statement = select(Campaign).where(Campaign.status != CampaignStatus.DRAFT)
    if after is not None:
        statement = statement.where(Campaign.id < after)
    return list(session.exec(statement.order_by(col(Campaign.id).desc()).limit(limit)))


def of_organisation(session: Session, organisation_id: UUID) -> list[Campaign]:
    """Every campaign of one organisation, drafts too, newest first."""
    statement = select(Campaign).where(Campaign.organisation_id == organisation_id)
    return list(session.exec(statement.order_by(col(Campaign.id).desc())))


def of_new_petition(
    session: Session, slug: str | None, *, organisation_id: UUID, field: str
) -> Campaign:
    """The campaign that a new petition goes to, where it need not be said: the only one of its
    organisation that has not ended. Invalid, naming `field` and the choice, where there are more.
    """
    found = of_organisation(session, organisation_id)
    under_way = {each.slug: each for each in found if each.status in _UNDER_WAY}
    if slug is None and len(under_way) == 1:
        (slug,) = under_way
    if slug in under_way:
        return under_way[slug]
    message = "Every campaign has ended. Make one with POST /v1/campaigns first."
    if under_way:
        choice = ", ".join(f"'{each}'" for each in under_way)
        message = f"Say by its slug which campaign it belongs to: {choice}."
    raise Invalid.field(field, "campaign_missing", message)


def motion_of(session: Session, campaign_id: UUID) -> Motion | None:
    """The current motion of a campaign."""
    statement = (
        select(Motion)
        .join(CampaignMotion, col(CampaignMotion.motion_id) == Motion.id)
        .where(CampaignMotion.campaign_id == campaign_id, col(CampaignMotion.is_current))
    )
    return session.exec(statement).first()


def updates_of(session: Session, campaign_id: UUID, *, now: datetime) -> list[CampaignUpdate]:
    """A campaign's news, newest first; none from the future."""
    statement = (
        select(CampaignUpdate)
        .where(CampaignUpdate.campaign_id == campaign_id, CampaignUpdate.published_at <= now)
        .order_by(col(CampaignUpdate.published_at).desc())
    )
    return list(session.exec(statement))


def organisations_of(session: Session, campaigns: list[Campaign]) -> dict[UUID, Organisation]:
    """The organisations behind campaigns, by id, in one statement."""
    ids = {campaign.organisation_id for campaign in campaigns}
    statement = select(Organisation).where(col(Organisation.id).in_(ids))
    return {organisation.id: organisation for organisation in session.exec(statement)}


def _unknown(slug: str) -> NotFound:
    return NotFound("campaign_unknown", f"There is no campaign '{slug}'.")
