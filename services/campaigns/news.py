"""News of campaigns."""

import re
import unicodedata
from datetime import datetime

from sqlmodel import Session, col, select

from models import Campaign, CampaignUpdate

LONGEST_SLUG = 80


def add(
    session: Session,
    campaign: Campaign,
    *,
    title: str,
    body: str,
    published_at: datetime,
    now: datetime,
) -> CampaignUpdate:
    """Adds news with an address of its own, made from its title."""
    update = CampaignUpdate(
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
