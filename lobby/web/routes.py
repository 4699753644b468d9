"""All pages."""

from fastapi import APIRouter

from lobby.web import (
    campaigns,
    dev_mail,
    letter_links,
    letters,
    organisers,
    petitions,
    post_room,
    signatures,
    tallies,
)

router = APIRouter(include_in_schema=False)
for noun in (
    campaigns,
    petitions,
    signatures,
    letters,
    letter_links,
    tallies,
    organisers,
    post_room,
    dev_mail,
):
    router.include_router(noun.router)
