"""Partners, and what came through them."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from sqlmodel import Session

from api.http.dependencies import (
    CampaignsWriter,
    Now,
    ReadSession,
    SignaturesReader,
    Slug,
    WriteSession,
)
from api.http.idempotency import Once, answers
from api.http.paging import ThePage
from api.schemas.partner import (
    NewPartner,
    PartnerAnswer,
    PartnerChange,
    PartnerSummaryAnswer,
    PetitionSummary,
)
from api.v1.campaigns import changes
from services.errors import NotFound
from services.organisations import organisations, partners
from services.signatures import by_partner
from services.signatures.by_partner import MOST_DAYS

router = APIRouter(tags=["partners"])
CLEARED_BY_NULL = {"website"}
Days = Annotated[int, Query(ge=1, le=MOST_DAYS, description="How many days, with today (UTC).")]


@router.get("/partners")
def list_partners(
    request: Request,
    response: Response,
    page: ThePage,
    caller: CampaignsWriter,
    session: ReadSession,
) -> list[PartnerAnswer]:
    """Partners of the key's own organisation, the oldest first; `Link` leads to the next page.

    Needs a key with `campaigns:write`, which no partner's key has.
    """
    found = partners.page(session, caller.organisation_id, after=page.after, limit=page.limit + 1)
    page.link_next(request, response, [partner.id for partner in found])
    return [PartnerAnswer.model_validate(partner) for partner in found[: page.limit]]


@router.get("/partners/{slug}")
def read_partner(slug: Slug, caller: CampaignsWriter, session: ReadSession) -> PartnerAnswer:
    """One partner. Needs a key with `campaigns:write`; another organisation's is a 404."""
    found = partners.own(session, slug, organisation_id=caller.organisation_id)
    return PartnerAnswer.model_validate(found)


@router.post("/partners", status_code=201, response_model=PartnerAnswer, responses=answers())
def create_partner(body: NewPartner, caller: CampaignsWriter, once: Once, now: Now) -> Response:
    """Add a partner. Its keys are made at the desk or by command, never by a call.

    Needs a key with `campaigns:write`.
    """

    def create(session: Session) -> PartnerAnswer:
        owner = organisations.get(session, caller.organisation_id)
        made = partners.create(session, organisation=owner, **body.model_dump(), now=now)
        return PartnerAnswer.model_validate(made)

    return once.answer(create)


@router.patch("/partners/{slug}")
def change_partner(
    slug: Slug, body: PartnerChange, caller: CampaignsWriter, session: WriteSession
) -> PartnerAnswer:
    """Change what is given. Needs a key with `campaigns:write`; another's partner is a 404."""
    values = changes(body, keep=CLEARED_BY_NULL)
    if values.get("website", "") is None:
        values["website"] = ""
    found = partners.own(session, slug, organisation_id=caller.organisation_id)
    return PartnerAnswer.model_validate(partners.change(session, found, **values))


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
    found = by_partner.of_partner(
        session,
        partner,
        is_own=caller.partner_id is not None,
        petition_ids=caller.petition_ids,
        days=days,
        now=now,
    )
    petitions = [PetitionSummary.model_validate(each) for each in found]
    return PartnerSummaryAnswer(partner=partner.slug, name=partner.name, petitions=petitions)
