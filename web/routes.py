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
    notices,
    petitions,
    pictures,
    preferences,
    refusals,
    signers_letters,
    signers_sending,
    style_guide,
    tallies,
    updates,
    well_known,
)
from web.public.signatures import confirmations, endings, sent, thanks

# The pages without personal data: browsers may keep them, for 'Back'. A cache stores no other page.
PUBLIC_PAGES = (
    "/",
    "/.well-known/security.txt",
    "/accessibility",
    "/campaigns/{slug}",
    "/campaigns/{slug}/letter",
    "/campaigns/{slug}/mps",
    "/campaigns/{slug}/updates",
    "/campaigns/{slug}/updates/{update}",
    "/contact",
    "/contact/{organisation}",
    "/embed/{slug}",
    "/favicon.ico",
    "/petitions/{slug}",
    "/petitions/{slug}/embed",
    "/privacy/{organisation}",
    "/robots.txt",
    "/widget/v1.js",
)
router = APIRouter(include_in_schema=False)
for noun in (
    campaigns,
    updates,
    petitions,
    sent,
    confirmations,
    thanks,
    endings,
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
    notices,
    pictures,
):
    router.include_router(noun.router)
