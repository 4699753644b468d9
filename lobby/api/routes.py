"""All routes of the JSON API."""

from fastapi import APIRouter

from lobby.api import (
    bulk,
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
    partners,
):
    router.include_router(part.router, prefix="/v1", responses=problems())
router.include_router(health.router, responses=problems())
