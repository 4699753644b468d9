"""Campaigns, their news, and the current motion of each."""

from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session, col, select

from models import Campaign, CampaignMotion, CampaignStatus, CampaignUpdate, Motion, Organisation
from services.campaigns import campaign_motions, campaign_texts, slugs
from services.errors import Conflict, Invalid, NotFound
from services.organisations.organisations import add_unique

_UNDER_WAY = (CampaignStatus.DRAFT, CampaignStatus.OPEN)
_ATTEMPTS = 20


def create(
    session: Session,
    *,
    organisation_id: UUID,
    values: dict[str, Any],
    now: datetime,
    motion_id: int | None = None,
) -> Campaign:
    """Add a campaign; the motion must be stored already. Raises Conflict if the slug is taken.

    Raises Invalid if it has the day of an outcome without the outcome, or a day to come.
    Without letters of its own it uses the built-in ones, so that it can open at once.
    """
    campaign = Campaign(organisation_id=organisation_id, created_at=now, updated_at=now, **values)
    _note_stage(campaign, now)
    _check_points(campaign)
    campaign_texts.require_whole_outcome(campaign, now=now)
    add_unique(session, campaign, f"There is a campaign '{campaign.slug}' already.")
    if motion_id is not None:
        campaign_motions.link(session, campaign, motion_id, now=now)
    return campaign


def create_titled(
    session: Session, *, organisation_id: UUID, values: dict[str, Any], now: datetime
) -> Campaign:
    """Works like `create`, with a slug made from the `title`, and a number if that is taken."""
    wanted = slugs.made_of(values["title"], otherwise="campaign")
    for _ in range(_ATTEMPTS):
        titled = {**values, "slug": slugs.free(session, Campaign, wanted)}
        # A concurrent request may take the slug first; the next attempt sees that.
        with suppress(Conflict):
            return create(session, organisation_id=organisation_id, values=titled, now=now)
    message = "Too many campaigns are being made at once. Please try again in a moment."
    raise Conflict("too_many_at_once", message)


def update(
    session: Session,
    campaign: Campaign,
    *,
    values: dict[str, Any],
    now: datetime,
    motion_id: int | None = None,
) -> Campaign:
    """Change the given values and, with `motion_id`, the current motion.

    A point that changes in English alone has no translation any more. Raises Invalid if it has the
    day of an outcome without the outcome, or a day to come.
    """
    if "letter_points" in values and "letter_points_welsh" not in values:
        values = {**values, "letter_points_welsh": _still_translated(campaign, values)}
    is_new_stage = values.get("status", campaign.status) is not campaign.status
    campaign.sqlmodel_update(values)
    if is_new_stage:
        _note_stage(campaign, now)
    _check_points(campaign)
    campaign_texts.require_whole_outcome(campaign, now=now)
    campaign.updated_at = now
    session.add(campaign)
    if motion_id is not None:
        campaign_motions.link(session, campaign, motion_id, now=now)
    session.flush()
    return campaign


def _note_stage(campaign: Campaign, now: datetime) -> None:
    """Notes when a campaign first opened and when it last ended."""
    if campaign.status is CampaignStatus.DRAFT:
        return
    campaign.opened_at = campaign.opened_at or now
    campaign.ended_at = None if campaign.status is CampaignStatus.OPEN else now


def get(session: Session, campaign_id: UUID) -> Campaign:
    """Returns the campaign that a row refers to by its id, a draft too."""
    return session.get_one(Campaign, campaign_id)


def by_slug(session: Session, slug: str) -> Campaign:
    """Returns any campaign, including drafts: for operators. Raises NotFound."""
    campaign = session.exec(select(Campaign).where(Campaign.slug == slug)).first()
    if campaign is None:
        raise _unknown(slug)
    return campaign


def public(session: Session, slug: str, *, viewer: UUID | None = None) -> Campaign:
    """Returns a campaign by slug. Raises NotFound for a draft of another organisation than
    `viewer`."""
    campaign = by_slug(session, slug)
    if campaign.status is CampaignStatus.DRAFT and campaign.organisation_id != viewer:
        raise _unknown(slug)
    return campaign


def own(session: Session, slug: str, *, organisation_id: UUID) -> Campaign:
    """Returns a campaign of this organisation; raises NotFound for any other."""
    campaign = public(session, slug, viewer=organisation_id)
    if campaign.organisation_id != organisation_id:
        raise _unknown(slug)
    return campaign


def own_locked(session: Session, slug: str, *, organisation_id: UUID) -> Campaign:
    """Returns the same as it is now, with its row locked until the transaction ends."""
    found = own(session, slug, organisation_id=organisation_id)
    statement = select(Campaign).where(Campaign.id == found.id)
    fresh = statement.with_for_update().execution_options(populate_existing=True)
    return session.exec(fresh).one()


def require_own(session: Session, campaign_id: UUID, *, organisation_id: UUID) -> None:
    """Raises NotFound unless there is a campaign of this organisation with this id."""
    campaign = session.get(Campaign, campaign_id)
    if campaign is None or campaign.organisation_id != organisation_id:
        raise NotFound("campaign_unknown", "There is no such campaign.")


def page(session: Session, *, after: UUID | None, limit: int) -> list[Campaign]:
    """Returns public campaigns, the newest first, starting after the id `after`."""
    statement = select(Campaign).where(Campaign.status != CampaignStatus.DRAFT)
    if after is not None:
        statement = statement.where(Campaign.id < after)
    return list(session.exec(statement.order_by(col(Campaign.id).desc()).limit(limit)))


def newest_open(session: Session, *, limit: int) -> list[Campaign]:
    """Returns the open campaigns of all organisations, the newest first."""
    statement = select(Campaign).where(Campaign.status == CampaignStatus.OPEN)
    return list(session.exec(statement.order_by(col(Campaign.id).desc()).limit(limit)))


def of_organisation(session: Session, organisation_id: UUID) -> list[Campaign]:
    """Returns every campaign of one organisation, including drafts, the newest first."""
    statement = select(Campaign).where(Campaign.organisation_id == organisation_id)
    return list(session.exec(statement.order_by(col(Campaign.id).desc())))


def open_outside_demonstration(session: Session) -> list[Campaign]:
    """Returns the open campaigns of all organisations but the demonstration's, the oldest first."""
    statement = (
        select(Campaign)
        .join(Organisation, col(Organisation.id) == Campaign.organisation_id)
        .where(
            Campaign.status == CampaignStatus.OPEN, col(Organisation.is_demonstration).is_(False)
        )
    )
    return list(session.exec(statement.order_by(col(Campaign.id))))


def every(session: Session) -> list[Campaign]:
    """Returns every campaign of every organisation, including drafts, the newest first."""
    return list(session.exec(select(Campaign).order_by(col(Campaign.id).desc())))


def of_new_petition(
    session: Session, slug: str | None, *, organisation_id: UUID, field: str
) -> Campaign:
    """Returns the campaign for a new petition.

    `slug` may be None if the organisation has exactly one campaign that has not ended. Otherwise
    raises Invalid, naming `field` and the campaigns to choose from.
    """
    campaigns = of_organisation(session, organisation_id)
    under_way = {campaign.slug: campaign for campaign in campaigns if campaign.status in _UNDER_WAY}
    if slug is None and len(under_way) == 1:
        (slug,) = under_way
    if slug in under_way:
        return under_way[slug]
    message = "Every campaign has ended. Make one first, for example with POST /v1/campaigns."
    if under_way:
        choice = ", ".join(f"'{campaign_slug}'" for campaign_slug in under_way)
        message = f"Say by its slug which campaign it belongs to: {choice}."
    raise Invalid.field(field, "campaign_missing", message)


def motion_of(session: Session, campaign_id: UUID) -> Motion | None:
    """Returns the current motion of a campaign."""
    statement = (
        select(Motion)
        .join(CampaignMotion, col(CampaignMotion.motion_id) == Motion.id)
        .where(CampaignMotion.campaign_id == campaign_id, col(CampaignMotion.is_current))
    )
    return session.exec(statement).first()


def updates_of(session: Session, campaign_id: UUID, *, now: datetime) -> list[CampaignUpdate]:
    """Returns a campaign's published news, the newest first."""
    statement = (
        select(CampaignUpdate)
        .where(CampaignUpdate.campaign_id == campaign_id, CampaignUpdate.published_at <= now)
        .order_by(col(CampaignUpdate.published_at).desc(), col(CampaignUpdate.id).desc())
    )
    return list(session.exec(statement))


def organisations_of(session: Session, campaigns: list[Campaign]) -> dict[UUID, Organisation]:
    """Returns the organisations of campaigns by id, in one statement."""
    ids = {campaign.organisation_id for campaign in campaigns}
    statement = select(Organisation).where(col(Organisation.id).in_(ids))
    return {organisation.id: organisation for organisation in session.exec(statement)}


def organisations_in_public(session: Session) -> list[Organisation]:
    """Returns every organisation that has a campaign in public, by name."""
    owners = select(Campaign.organisation_id).where(Campaign.status != CampaignStatus.DRAFT)
    found = session.exec(select(Organisation).where(col(Organisation.id).in_(owners)))
    # Sorted here, because the databases collate text differently.
    return sorted(found, key=lambda organisation: (organisation.name.casefold(), organisation.slug))


def _still_translated(campaign: Campaign, values: dict[str, Any]) -> list[str]:
    """Returns the points in Welsh, with an empty text for those whose English has changed."""
    # All three lists may differ in length.
    places = zip(
        campaign.letter_points, values["letter_points"], campaign.letter_points_welsh, strict=False
    )
    return [welsh if old == new else "" for old, new, welsh in places]


def _check_points(campaign: Campaign) -> None:
    if len(campaign.letter_points_welsh) > len(campaign.letter_points):
        message = "There are more points in Welsh than in 'letter_points', which they translate."
        raise Invalid.field("letter_points_welsh", "too_long", message)


def _unknown(slug: str) -> NotFound:
    return NotFound("campaign_unknown", f"There is no campaign '{slug}'.")
