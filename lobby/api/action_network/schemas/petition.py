"""Petitions and campaigns of letters."""

from email.utils import parseaddr
from typing import Any

from lobby.api.action_network.places import ORIGIN, Places, identifiers, when
from lobby.api.action_network.schemas.person import creator_answer
from lobby.services.own_pages import OwnCampaign, OwnPetition

Json = dict[str, Any]


def petition_answer(places: Places, found: OwnPetition, address: str) -> Json:
    """A petition; `address` is the one that the service writes from."""
    petition = found.petition
    signatures = places.link("petitions", petition.id, "signatures")
    creator = creator_answer(places, found.organisation, parseaddr(address)[1])
    return {
        "identifiers": identifiers(petition.id),
        "origin_system": ORIGIN,
        "created_date": when(petition.created_at),
        "modified_date": when(petition.updated_at),
        "title": petition.action,
        "description": petition.background,
        "petition_text": petition.action,
        "target": [{"name": petition.addressed_to}] if petition.addressed_to else [],
        "total_signatures": found.signatures,
        "browser_url": f"{places.site}/petitions/{petition.slug}",
        "action_network:hidden": petition.state.value == "draft",
        "central_lobby:state": petition.state,
        "central_lobby:slug": petition.slug,
        "_embedded": {"osdi:creator": creator},
        "_links": {
            "self": places.link("petitions", petition.id),
            "osdi:signatures": signatures,
            "osdi:record_signature_helper": signatures,
            "osdi:creator": creator["_links"]["self"],
            "curies": places.curies(),
        },
    }


def campaign_answer(places: Places, found: OwnCampaign, address: str) -> Json:
    """A campaign whose supporters write to their MPs."""
    campaign = found.campaign
    outreaches = places.link("advocacy_campaigns", campaign.id, "outreaches")
    creator = creator_answer(places, found.organisation, parseaddr(address)[1])
    return {
        "identifiers": identifiers(campaign.id),
        "origin_system": ORIGIN,
        "created_date": when(campaign.created_at),
        "modified_date": when(campaign.updated_at),
        "title": campaign.title,
        "description": campaign.summary,
        "targets": "The MP of the writer's constituency",
        "type": "email",
        "total_outreaches": found.letters_sent,
        "browser_url": f"{places.site}/campaigns/{campaign.slug}",
        "action_network:hidden": campaign.status.value == "draft",
        "central_lobby:state": campaign.status,
        "central_lobby:slug": campaign.slug,
        "_embedded": {"osdi:creator": creator},
        "_links": {
            "self": places.link("advocacy_campaigns", campaign.id),
            "osdi:outreaches": outreaches,
            "osdi:record_outreach_helper": outreaches,
            "osdi:creator": creator["_links"]["self"],
            "curies": places.curies(),
        },
    }
