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
from lobby.api.schemas.problem import problems

router = APIRouter()
for part in (campaigns, petitions, signatures, bulk, letters, tallies, postcodes):
    router.include_router(part.router, prefix="/v1", responses=problems())
router.include_router(health.router, responses=problems())
