"""All routes of the dialect. Action Network documents them, and our OpenAPI document does not."""

from fastapi import APIRouter

from api.action_network import (
    advocacy_campaigns,
    entry_point,
    nothing_here,
    outreaches,
    people,
    petitions,
    signatures,
    tags,
)
from api.action_network.places import PREFIX

router = APIRouter()
for part in (
    entry_point,
    people,
    petitions,
    signatures,
    tags,
    advocacy_campaigns,
    outreaches,
    nothing_here,
):
    router.include_router(part.router, prefix=PREFIX, include_in_schema=False)
