"""All routes of the JSON API."""

from fastapi import APIRouter

from lobby.api import (
    bulk,
    campaigns,
    health,
    letters,
    petitions,
    postcodes,
    signatures,
    tallies,
)

router = APIRouter()
for part in (campaigns, petitions, signatures, bulk, letters, tallies, postcodes):
    router.include_router(part.router, prefix="/v1")
router.include_router(health.router)
