"""The routes of all pages. The OpenAPI document leaves them out."""

from fastapi.routing import APIRoute

from web.embed import embed_builder, embeds
from web.organisers import (
    alerts,
    api_keys,
    downloads,
    events,
    former_addresses,
    home,
    letter_queue,
    news,
    organisation_look,
    partners,
    supporters,
    webhook_deliveries,
    webhooks,
)
from web.organisers.accounts import (
    account,
    codes,
    forgotten,
    invitations,
    people,
    people_record,
    second_step,
    set_up,
    sign_in,
)
from web.organisers.builder import (
    campaign_step,
    letter_step,
    letters_step,
    look_step,
    motion_step,
    open_step,
    partners_step,
    petition_stages,
    petition_step,
)
from web.organisers.campaign import (
    changes,
    letters_effect,
    map_page,
    overview,
    petition_room,
    pulse,
)
from web.organisers.members import (
    all_members,
    answers,
    asking,
    notes,
    one_member,
    phone_list,
    public_statements,
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
    updates,
    well_known,
)
from web.public.members import all_mps, my_mp, one_mp
from web.public.signatures import confirmations, endings, sent, thanks

# The pages without personal data: browsers may keep them, for 'Back'. A cache stores no other page.
PUBLIC_PAGES = (
    "/",
    "/.well-known/security.txt",
    "/accessibility",
    "/campaigns/{slug}",
    "/campaigns/{slug}/constituencies/{code}",
    "/campaigns/{slug}/letter",
    "/campaigns/{slug}/mps",
    "/campaigns/{slug}/mps.csv",
    "/campaigns/{slug}/mps/{member_id}",
    "/campaigns/{slug}/updates",
    "/campaigns/{slug}/updates/{update}",
    "/contact",
    "/contact/{organisation}",
    "/embed/{slug}",
    "/favicon.ico",
    "/my-mp",
    "/my-mp/{code}",
    "/petitions/{slug}",
    "/petitions/{slug}/embed",
    "/privacy/{organisation}",
    "/robots.txt",
    "/widget/v1.js",
)
_NOUNS = (
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
    all_mps,
    one_mp,
    my_mp,
    sign_in,
    codes,
    forgotten,
    account,
    second_step,
    home,
    news,
    events,
    campaign_step,  # before the overview, whose path '/organiser/campaigns/new' would fit
    overview,
    changes,
    pulse,
    letters_effect,
    petition_room,
    petition_step,
    petition_stages,
    look_step,
    open_step,
    organisation_look,
    letter_queue,
    former_addresses,
    dev_mail,
    embeds,
    embed_builder,
    well_known,
    partners,
    api_keys,
    webhooks,
    webhook_deliveries,
    people_record,
    people,
    alerts,
    invitations,
    set_up,
    downloads,
    asking,
    phone_list,
    answers,
    notes,
    all_members,
    one_member,
    public_statements,
    supporters,
    motion_step,
    letters_step,
    letter_step,
    partners_step,
    map_page,
    brand_styles,
    style_guide,
    notices,
    pictures,
)


def pages() -> list[APIRoute]:
    """Returns the routes of all pages in one list.

    Routers within routers would cost each request some milliseconds: FastAPI looks through all of
    their routes once for each level.
    """
    routes = [route for noun in _NOUNS for route in noun.router.routes]
    for route in routes:
        route.include_in_schema = False
    return routes
