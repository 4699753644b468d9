"""Bodies of petitions and of advocacy campaigns."""

from typing import Any

from api.action_network.places import ORIGIN, Places, identifiers, when
from api.action_network.schemas.person import creator_answer
from models import Campaign, CampaignStatus, Organisation, Petition, PetitionState
from services.campaigns.own_pages import OwnCampaign, OwnPetition

Json = dict[str, Any]


def petition_answer(places: Places, own: OwnPetition) -> Json:
    petition = own.petition
    links = _links(places, "petitions", petition, "signatures", "record_signature_helper")
    return {
        "title": petition.action,
        "description": petition.background,
        "petition_text": petition.action,
        "target": [{"name": petition.addressed_to}] if petition.addressed_to else [],
        "total_signatures": own.signatures,
        "browser_url": f"{places.site}/petitions/{petition.slug}",
        **_shared(places, petition, petition.state, own.organisation, links),
    }


def campaign_answer(places: Places, own: OwnCampaign) -> Json:
    campaign = own.campaign
    links = _links(places, "advocacy_campaigns", campaign, "outreaches", "record_outreach_helper")
    return {
        "title": campaign.title,
        "description": campaign.summary,
        "targets": "The MP of the writer's constituency",
        "type": "email",
        "total_outreaches": own.letters_sent,
        "browser_url": f"{places.site}/campaigns/{campaign.slug}",
        **_shared(places, campaign, campaign.status, own.organisation, links),
    }


def _links(places: Places, kind: str, page: Petition | Campaign, items: str, helper: str) -> Json:
    """Links a page to itself, and to its items: the same URL reads them and adds to them."""
    link = places.link(kind, page.id, items)
    return {"self": places.link(kind, page.id), f"osdi:{items}": link, f"osdi:{helper}": link}


def _shared(
    places: Places,
    page: Petition | Campaign,
    state: PetitionState | CampaignStatus,
    owner: Organisation,
    links: Json,
) -> Json:
    creator = creator_answer(places, owner)
    return {
        "identifiers": identifiers(page.id),
        "origin_system": ORIGIN,
        "created_date": when(page.created_at),
        "modified_date": when(page.updated_at),
        "action_network:hidden": state.value == "draft",
        "central_lobby:state": state,
        "central_lobby:slug": page.slug,
        "_embedded": {"osdi:creator": creator},
        "_links": links | {"osdi:creator": creator["_links"]["self"], "curies": places.curies()},
    }
