"""Further campaigns of the demonstration's organisation, and pictures."""

import hashlib
from base64 import b64decode
from typing import Any

from models import Picture, PictureFile
from services.assembly import Lobby
from services.campaigns import campaigns
from services.demonstration import invented_campaign
from services.organisations import organisations
from services.pictures import pictures

PIXEL = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""A PNG of one pixel. Where it is shown, the page's own sizes hold its place."""


def add_campaign(lobby: Lobby, slug: str, **values: Any) -> None:
    """Adds a campaign without a motion and without a petition."""
    with lobby.database.write() as session:
        owner = organisations.by_slug(session, invented_campaign.about().organisation)
        campaigns.create(
            session,
            organisation_id=owner.id,
            values={"slug": slug, "title": slug, "summary": "What it is about."} | values,
            now=lobby.clock(),
        )


def add_picture(lobby: Lobby, slug: str, *, alt: str = "Nurses in front of a hospital") -> None:
    """Gives a campaign another picture, in three widths of 16 by 9."""
    with lobby.database.write() as session:
        campaign = campaigns.by_slug(session, slug)
        pictures.remove_from_campaign(session, campaign, now=lobby.clock())
        picture = Picture(
            organisation_id=campaign.organisation_id,
            campaign_id=campaign.id,
            alt=alt,
            uploaded_at=lobby.clock(),
        )
        session.add(picture)
        session.flush()
        for width in (390, 780, 1560):
            content = PIXEL + str(width).encode()
            session.add(
                PictureFile(
                    picture_id=picture.id,
                    width=width,
                    height=width * 9 // 16,
                    media_type="image/png",
                    digest=hashlib.sha256(content).hexdigest(),
                    content=content,
                )
            )
