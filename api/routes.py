"""All routes of the JSON API."""

from fastapi import APIRouter

from api.formats import campaign_feeds, oembed, parliament_petitions
from api.http.problem import problems
from api.v1 import (
    api_keys,
    bulk,
    campaign_motions,
    campaigns,
    constituencies,
    events,
    exports,
    health,
    histories,
    members,
    motions,
    partners,
    petitions,
    postcodes,
    preferences,
    replies,
    signatures,
    tallies,
    tally_events,
    targets,
    updates,
)
from api.v1.identity import organisations, pictures
from api.v1.letters import letter_answers, letter_queue, letter_variants, letters
from api.v1.webhooks import rest_hooks, webhook_deliveries, webhooks

router = APIRouter()
for part in (
    campaigns,
    campaign_motions,
    updates,
    events,
    petitions,
    signatures,
    bulk,
    exports,
    letters,
    letter_answers,
    letter_variants,
    letter_queue,
    motions,
    tallies,
    histories,
    tally_events,
    targets,
    constituencies,
    members,
    replies,
    preferences,
    postcodes,
    webhooks,
    webhook_deliveries,
    rest_hooks,
    campaign_feeds,
    partners,
    api_keys,
    organisations,
    pictures,
):
    router.include_router(part.router, prefix="/v1", responses=problems())
for part in (health, oembed, parliament_petitions):
    router.include_router(part.router, responses=problems())
