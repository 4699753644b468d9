"""All routes of the JSON API."""

from fastapi import APIRouter

from lobby.api import (
    api_keys,
    bulk,
    campaign_feeds,
    campaign_motions,
    campaigns,
    exports,
    health,
    histories,
    letter_answers,
    letter_variants,
    letters,
    members,
    motions,
    oembed,
    parliament_petitions,
    partners,
    petitions,
    post_room,
    postcodes,
    preferences,
    replies,
    signatures,
    tallies,
    tally_events,
    targets,
    webhook_deliveries,
    webhook_hooks,
    webhooks,
)
from lobby.api.schemas.problem import problems

router = APIRouter()
for part in (
    campaigns,
    campaign_motions,
    petitions,
    signatures,
    bulk,
    exports,
    letters,
    letter_answers,
    letter_variants,
    post_room,
    motions,
    tallies,
    histories,
    tally_events,
    targets,
    members,
    replies,
    preferences,
    postcodes,
    webhooks,
    webhook_deliveries,
    webhook_hooks,
    campaign_feeds,
    partners,
    api_keys,
):
    router.include_router(part.router, prefix="/v1", responses=problems())
for part in (health, oembed, parliament_petitions):
    router.include_router(part.router, responses=problems())
