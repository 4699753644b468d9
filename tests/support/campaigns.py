"""Further campaigns of the demonstration's organisation, drafts of the desk, and pictures."""

import hashlib
import re
from base64 import b64decode
from typing import Any
from uuid import uuid4

from sqlmodel import Session

from models import Campaign, CampaignStatus, Picture, PictureFile
from services.assembly import Lobby
from services.building import drafts, readiness
from services.building.readiness import Readiness
from services.campaigns import campaign_motions, campaigns, petitions
from services.demonstration import invented_campaign
from services.organisations import notices, organisations
from services.pictures import pictures
from tests.support.keys import OTHERS
from tests.support.outside.motions_api import KNOWN

PIXEL = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""A PNG of one pixel. Where it is shown, the page's own sizes hold its place."""
DRAFT = "free-bus-passes"
DRAFT_PETITION = "give-carers-a-bus-pass"
EDIT = f"/organiser/campaigns/{DRAFT}/edit"
NOTICE = "We use your details for this petition alone, and delete them when it ends."
TEXTS = {"title": "Free bus passes", "slug": DRAFT, "summary": "Carers need to get to hospital."}
PETITION_TEXTS = {
    "action": "Give every carer a bus pass",
    "addressed_to": "the Transport Secretary",
    "slug": DRAFT_PETITION,
}


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


# ---- drafts, from empty to ready to open


def add_others(lobby: Lobby) -> None:
    """Adds a second organisation, which has published nothing."""
    with lobby.database.write() as session:
        organisations.create(session, name="Others", slug=OTHERS, now=lobby.clock())


def add_draft(lobby: Lobby, organisation: str | None = None) -> Campaign:
    """Adds a draft with a title and nothing else."""
    with lobby.database.write() as session:
        owner = organisations.by_slug(
            session, organisation or invented_campaign.about().organisation
        )
        return drafts.begin(
            session,
            campaign_id=uuid4(),
            organisation_id=owner.id,
            title=TEXTS["title"],
            slug=DRAFT,
            now=lobby.clock(),
        )


def add_ready_draft(lobby: Lobby, organisation: str | None = None) -> Campaign:
    """Adds a draft that lacks nothing, and runs without a motion."""
    add_draft(lobby, organisation)
    with lobby.database.write() as session:
        campaign = campaigns.by_slug(session, DRAFT)
        change_draft(session, lobby, summary=TEXTS["summary"], runs_without_motion=True)
        drafts.add_petition(
            session, campaign, petition_id=uuid4(), values=dict(PETITION_TEXTS), now=lobby.clock()
        )
        owner = organisations.get(session, campaign.organisation_id)
        notices.publish(session, owner, NOTICE, now=lobby.clock())
    return campaign


def change_draft(session: Any, lobby: Lobby, **values: Any) -> None:
    campaign = campaigns.by_slug(session, DRAFT)
    campaigns.update(session, campaign, values=values, now=lobby.clock())


def remove_petition(session: Any, lobby: Lobby) -> None:
    """Removes the draft's petition, as a colleague does in the browser."""
    campaign = campaigns.by_slug(session, DRAFT)
    campaigns.own_locked(session, DRAFT, organisation_id=campaign.organisation_id)
    petition = petitions.by_slug(session, DRAFT_PETITION)
    drafts.remove_petition(session, petition, now=lobby.clock())


def draft_of(lobby: Lobby) -> Campaign:
    with lobby.database.read() as session:
        return campaigns.by_slug(session, DRAFT)


def status_of_draft(lobby: Lobby) -> CampaignStatus:
    return draft_of(lobby).status


def readiness_of(lobby: Lobby) -> Readiness:
    with lobby.database.read() as session:
        campaign = campaigns.by_slug(session, DRAFT)
        return readiness.of_campaign(session, campaign, now=lobby.clock())


# ---- an open campaign without a motion, with a petition to a minister

SLUG, PETITION = "bus-passes", "a-bus-pass-for-every-carer"
URL = f"/v1/campaigns/{SLUG}"
A_MOTION = re.compile(r"motion|\bEDMs?\b|early day|cynnig|gynnig", re.IGNORECASE)
"""A word of motions, in English or Welsh."""


def add_open_campaign(lobby: Lobby) -> None:
    title = "Bus passes for carers"
    add_campaign(lobby, SLUG, title=title, status=CampaignStatus.OPEN, runs_without_motion=True)
    values = {
        "slug": PETITION,
        "action": "Give every carer a bus pass",
        "addressed_to": "the Transport Secretary",
    }
    with lobby.database.write() as session:
        petitions.create(session, campaign=ours(session), values=values, now=lobby.clock())


def ours(session: Session) -> Campaign:
    return campaigns.by_slug(session, SLUG)


def link_motion(lobby: Lobby) -> None:
    """Links the demonstration's motion."""
    with lobby.database.write() as session:
        campaign_motions.link(session, ours(session), KNOWN, now=lobby.clock())
