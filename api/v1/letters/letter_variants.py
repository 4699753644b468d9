"""A campaign's letter variants: reading, replacing and previewing them."""

from api.http.dependencies import CampaignsWriter, Now, ReadSession, Slug, WriteSession
from api.http.late_routes import Router
from api.schemas.letters.letter_variant import (
    PreviewRequest,
    PreviewsAnswer,
    VariantsAnswer,
    VariantsBody,
    previews_answer,
    variants_answer,
    variants_of,
)
from services.campaigns import campaigns
from services.letters.drafting import facts, previews
from services.letters.kinds import variants

router = Router(tags=["letters"])


@router.get("/campaigns/{slug}/letters/variants")
def read_variants(slug: Slug, caller: CampaignsWriter, session: ReadSession) -> VariantsAnswer:
    """Read the campaign's own letter variants in the order of their use, or the built-in ones.

    A letter is drafted from the first variant whose conditions hold. Variants with the acts
    `write_to_minister` and `raise_in_government` are used while the campaign has no motion, the
    others while it has one. Needs a key with `campaigns:write`.
    """
    campaign = campaigns.own(session, slug, organisation_id=caller.organisation_id)
    return variants_answer(variants.in_both_sets(session, campaign))


@router.put("/campaigns/{slug}/letters/variants")
def replace_variants(
    slug: Slug, body: VariantsBody, caller: CampaignsWriter, session: WriteSession, now: Now
) -> VariantsAnswer:
    """Replace all letter variants of a campaign. An empty list restores the built-in ones.

    An invalid variant is refused with the field and line of each mistake, and nothing is saved.
    Needs a key with `campaigns:write`.
    """
    campaign = campaigns.own(session, slug, organisation_id=caller.organisation_id)
    new = variants_of(body.variants)
    return variants_answer(variants.save(session, campaign, new, now=now))


@router.post("/campaigns/{slug}/letters/variants/preview")
def preview_variants(
    slug: Slug, body: PreviewRequest, caller: CampaignsWriter, session: ReadSession, now: Now
) -> PreviewsAnswer:
    """Preview the letters to each kind of member, or to one real member. Nothing is saved.

    It uses `variants` where given, or else the saved ones. Needs a key with `campaigns:write`.
    """
    campaign = campaigns.own(session, slug, organisation_id=caller.organisation_id)
    candidates = (
        variants.in_both_sets(session, campaign).in_order
        if body.variants is None
        else variants.checked(variants_of(body.variants))
    )
    if body.member_id is not None:
        preview = previews.of_member(
            session, campaign, candidates, member_id=body.member_id, locale=body.locale, now=now
        )
        return previews_answer([preview], [])
    motion = campaigns.motion_of(session, campaign.id)
    petition = facts.petition_of(session, campaign)
    rendered = previews.of_kinds(candidates, campaign, motion, petition, locale=body.locale)
    return previews_answer(rendered, previews.unreached(candidates, rendered))
