"""All routes of the JSON API."""

from fastapi import APIRouter

from lobby.api import (
    bulk,
    campaigns,
    health,
    letters,
    motions,
    petitions,
    postcodes,
    signatures,
    tallies,
    targets,
)
from lobby.api.schemas.problem import problems

router = APIRouter()
for part in (
    campaigns,
    petitions,
    signatures,
    bulk,
    letters,
    motions,
    tallies,
    targets,
    postcodes,
):
    router.include_router(part.router, prefix="/v1", responses=problems())
router.include_router(health.router, responses=problems())
