"""News of campaigns: adding, changing and deleting it, and finding it by id or by address."""

import re
import unicodedata
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session, col, select

from models import Campaign, CampaignUpdate
from models.base import new_id
from services.errors import NotFound

LONGEST_SLUG = 80
"""Leaves room for a number to be appended."""


def add(
    session: Session,
    campaign: Campaign,
    *,
    title: str,
    body: str,
    published_at: datetime,
    now: datetime,
    update_id: UUID | None = None,
) -> CampaignUpdate:
    """Adds news with an address of its own, made from its title.

    News with a `published_at` in the future is not shown before. With an `update_id` that the
    campaign has already, returns that news: a form that is sent twice adds one.
    """
    _lock(session, campaign)
    existing = session.get(CampaignUpdate, update_id) if update_id else None
    if existing is not None and existing.campaign_id == campaign.id:
        return existing
    update = CampaignUpdate(
        id=update_id if update_id and existing is None else new_id(),
        campaign_id=campaign.id,
        slug=_free_slug(session, campaign, slug_of(title)),
        title=title,
        body=body,
        published_at=published_at,
        updated_at=now,
    )
    session.add(update)
    session.flush()
    return update


def change(
    session: Session, update: CampaignUpdate, *, values: dict[str, Any], now: datetime
) -> CampaignUpdate:
    """Changes the given values. The slug stays: people have shared the address."""
    update.sqlmodel_update(values)
    update.updated_at = now
    session.add(update)
    session.flush()
    return update


def delete(session: Session, update: CampaignUpdate) -> None:
    session.delete(update)
    session.flush()


def get(
    session: Session, campaign: Campaign, update_id: UUID, *, published_by: datetime | None
) -> CampaignUpdate:
    """Returns news of this campaign by its id.

    Raises NotFound for any other, and for news that is not published by `published_by`. With None,
    scheduled news is returned too.
    """
    statement = select(CampaignUpdate).where(
        CampaignUpdate.campaign_id == campaign.id, CampaignUpdate.id == update_id
    )
    if published_by is not None:
        statement = statement.where(CampaignUpdate.published_at <= published_by)
    update = session.exec(statement).first()
    if update is None:
        raise _unknown()
    return update


def published(session: Session, campaign: Campaign, slug: str, *, now: datetime) -> CampaignUpdate:
    """Returns published news of this campaign by its slug. Raises NotFound for any other."""
    statement = select(CampaignUpdate).where(
        CampaignUpdate.campaign_id == campaign.id,
        CampaignUpdate.slug == slug,
        CampaignUpdate.published_at <= now,
    )
    update = session.exec(statement).first()
    if update is None:
        raise _unknown()
    return update


def of_campaign(session: Session, campaign: Campaign) -> list[CampaignUpdate]:
    """Returns all news of a campaign, scheduled news too, the last published first."""
    statement = select(CampaignUpdate).where(CampaignUpdate.campaign_id == campaign.id)
    newest = (col(CampaignUpdate.published_at).desc(), col(CampaignUpdate.id).desc())
    return list(session.exec(statement.order_by(*newest)))


def page(
    session: Session,
    campaign: Campaign,
    *,
    published_by: datetime | None,
    after: UUID | None,
    limit: int,
) -> list[CampaignUpdate]:
    """Returns a campaign's news, the last added first, starting after the id `after`.

    `published_by` is that of `get`.
    """
    statement = select(CampaignUpdate).where(CampaignUpdate.campaign_id == campaign.id)
    if published_by is not None:
        statement = statement.where(CampaignUpdate.published_at <= published_by)
    if after is not None:
        statement = statement.where(CampaignUpdate.id < after)
    return list(session.exec(statement.order_by(col(CampaignUpdate.id).desc()).limit(limit)))


def slug_of(title: str) -> str:
    """Returns a slug for a title, such as `a-minister-signs`; `news` where no letter is Latin."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:LONGEST_SLUG].strip("-") or "news"


def _free_slug(session: Session, campaign: Campaign, slug: str) -> str:
    """Returns the slug, with a number behind it if other news of the campaign has it."""
    statement = select(CampaignUpdate.slug).where(
        CampaignUpdate.campaign_id == campaign.id, col(CampaignUpdate.slug).startswith(slug)
    )
    taken = set(session.exec(statement))
    free, number = slug, 2
    while free in taken:
        free, number = f"{slug}-{number}", number + 1
    return free


def _lock(session: Session, campaign: Campaign) -> None:
    """Locks the campaign, so that news that is added at once gets different slugs."""
    # `key_share`: rows that refer to the campaign, such as letters, need not wait.
    statement = select(Campaign.id).where(Campaign.id == campaign.id)
    session.exec(statement.with_for_update(key_share=True)).one()


def _unknown() -> NotFound:
    return NotFound("update_unknown", "There is no such news.")
