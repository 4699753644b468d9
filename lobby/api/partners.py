"""Partners, and what came through them."""

from typing import Annotated

from fastapi import APIRouter, Query

from lobby.api.dependencies import Now, ReadSession, SignaturesReader, Slug
from lobby.api.schemas.partner import PartnerSummaryAnswer, PetitionSummary
from lobby.services import partner_summaries, partners
from lobby.services.errors import NotFound
from lobby.services.partner_summaries import MOST_DAYS

router = APIRouter(tags=["partners"])
Days = Annotated[int, Query(ge=1, le=MOST_DAYS, description="How many days, with today (UTC).")]


@router.get("/partners/{slug}/summary")
def read_summary(
    slug: Slug, caller: SignaturesReader, session: ReadSession, now: Now, days: Days = 30
) -> PartnerSummaryAnswer:
    """How many signatures came through a partner: by state, source and day, and nobody's data.

    Needs `signatures:read`, of the organisation or of this partner. The organisation is told all
    states; the partner what was confirmed since it came through it, and what became of that.
    """
    partner = partners.own(session, slug, organisation_id=caller.organisation_id)
    if caller.partner_id not in (None, partner.id):
        raise NotFound("partner_unknown", f"There is no partner '{slug}'.")
    found = partner_summaries.of_partner(
        session,
        partner,
        is_own=caller.partner_id is not None,
        petition_ids=caller.petition_ids,
        days=days,
        now=now,
    )
    petitions = [PetitionSummary.model_validate(each) for each in found]
    return PartnerSummaryAnswer(partner=partner.slug, name=partner.name, petitions=petitions)
