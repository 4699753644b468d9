"""All pages."""

from fastapi import APIRouter

from lobby.web import (
    api_keys,
    campaigns,
    dev_mail,
    embed_builder,
    embeds,
    letter_answers,
    letter_links,
    letters,
    organisers,
    partners,
    petitions,
    post_room,
    preferences,
    signatures,
    tallies,
    webhook_deliveries,
    webhooks,
    well_known,
)

router = APIRouter(include_in_schema=False)
for noun in (
    campaigns,
    petitions,
    signatures,
    letters,
    letter_links,
    letter_answers,
    preferences,
    tallies,
    organisers,
    post_room,
    dev_mail,
    embeds,
    embed_builder,
    well_known,
    partners,
    api_keys,
    webhooks,
    webhook_deliveries,
):
    router.include_router(noun.router)
