"""The router with all pages. The OpenAPI document leaves them out."""

from fastapi import APIRouter

from web.embed import embed_builder, embeds
from web.organisers import (
    api_keys,
    letter_queue,
    organisers,
    partners,
    webhook_deliveries,
    webhooks,
)
from web.public import (
    brand_styles,
    campaigns,
    dev_mail,
    letter_answers,
    letter_links,
    letters,
    letters_opened,
    petitions,
    preferences,
    refusals,
    signatures,
    signers_letters,
    signers_sending,
    style_guide,
    tallies,
    well_known,
)

# The pages without personal data: browsers may keep them, for 'Back'. A cache stores no other page.
PUBLIC_PAGES = (
    "/",
    "/.well-known/security.txt",
    "/campaigns/{slug}",
    "/campaigns/{slug}/letter",
    "/campaigns/{slug}/tally",
    "/embed/{slug}",
    "/favicon.ico",
    "/petitions/{slug}",
    "/petitions/{slug}/embed",
    "/robots.txt",
    "/widget/v1.js",
)
router = APIRouter(include_in_schema=False)
for noun in (
    campaigns,
    petitions,
    signatures,
    letters,
    letters_opened,
    signers_letters,
    signers_sending,
    letter_links,
    letter_answers,
    refusals,
    preferences,
    tallies,
    organisers,
    letter_queue,
    dev_mail,
    embeds,
    embed_builder,
    well_known,
    partners,
    api_keys,
    webhooks,
    webhook_deliveries,
    brand_styles,
    style_guide,
):
    router.include_router(noun.router)
