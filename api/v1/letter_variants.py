"""A campaign's kinds of letter: reading, replacing and trying them out."""

from fastapi import APIRouter

from api.http.dependencies import CampaignsWriter, Now, ReadSession, Slug, WriteSession
from api.schemas.letter_variant import (
    PreviewRequest,
    PreviewsAnswer,
    VariantsAnswer,
    VariantsBody,
    previews_answer,
    variants_answer,
    variants_of,
)
from services.campaigns import campaigns
from services.letters.drafting import previews
from services.letters.kinds import variants

router = APIRouter(tags=["letters"])


@router.get("/campaigns/{slug}/letters/variants")
def read_variants(slug: Slug, caller: CampaignsWriter, session: ReadSession) -> VariantsAnswer:
    """The campaign's own letters in the order in which they are tried, or the built-in ones.

    Needs `campaigns:write`.
    """
    campaign = campaigns.own(session, slug, organisation_id=caller.organisation_id)
    return variants_answer(variants.of_campaign(session, campaign.id))


@router.put("/campaigns/{slug}/letters/variants")
def replace_variants(
    slug: Slug, body: VariantsBody, caller: CampaignsWriter, session: WriteSession, now: Now
) -> VariantsAnswer:
    """Replace all of them; an empty list goes back to the built-in ones. Needs `campaigns:write`.

    Every mistake is told with its field and line; nothing is kept where there is one.
    """
    campaign = campaigns.own(session, slug, organisation_id=caller.organisation_id)
    given = variants_of(body.variants)
    return variants_answer(variants.save(session, campaign, given, now=now))


@router.post("/campaigns/{slug}/letters/variants/preview")
def preview_variants(
    slug: Slug, body: PreviewRequest, caller: CampaignsWriter, session: ReadSession, now: Now
) -> PreviewsAnswer:
    """What every kind of member would read, or one real member. Nothing is kept.

    With `variants`, of those instead of what is kept. Needs `campaigns:write`.
    """
    campaign = campaigns.own(session, slug, organisation_id=caller.organisation_id)
    found = (
        variants.of_campaign(session, campaign.id).in_order
        if body.variants is None
        else variants.checked(variants_of(body.variants))
    )
    if body.member_id is not None:
        one = previews.of_member(
            session, campaign, found, member_id=body.member_id, locale=body.locale, now=now
        )
        return previews_answer([one], [])
    motion = campaigns.motion_of(session, campaign.id)
    rendered = previews.of_kinds(found, campaign, motion, locale=body.locale)
    return previews_answer(rendered, previews.unreached(found, rendered))
