"""An open campaign that has no motion, with a petition to a minister."""

import re

from sqlmodel import Session

from models import Campaign, CampaignStatus
from services.assembly import Lobby
from services.campaigns import campaign_motions, campaigns, petitions
from tests.support.campaigns import add_campaign
from tests.support.outside.motions_api import KNOWN

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
