"""Partners, and counts of the signatures through their sites."""

from typing import Annotated

from fastapi import Query, Request, Response
from sqlmodel import Session

from api.http.dependencies import (
    CampaignsWriter,
    Now,
    ReadSession,
    SignaturesReader,
    Slug,
    WriteSession,
)
from api.http.idempotency import Once, once_responses
from api.http.late_routes import Router
from api.http.paging import ThePage
from api.http.query_names import KNOWN_NAMES
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

router = Router(tags=["partners"])
CLEARED_BY_NULL = {"website"}
Days = Annotated[
    int, Query(ge=1, le=MOST_DAYS, description="How many days, including today (UTC).")
]


@router.get("/partners", dependencies=[KNOWN_NAMES])
def list_partners(
    request: Request,
    response: Response,
    page: ThePage,
    caller: CampaignsWriter,
    session: ReadSession,
) -> list[PartnerAnswer]:
    """List partners of the key's organisation, oldest first. `Link` leads to the next page.

    Needs a key with `campaigns:write`, which no partner's key has.
    """
    rows = partners.page(session, caller.organisation_id, after=page.after, limit=page.limit + 1)
    page.link_next(request, response, [partner.id for partner in rows])
    return [PartnerAnswer.model_validate(partner) for partner in rows[: page.limit]]


@router.get("/partners/{slug}")
def read_partner(slug: Slug, caller: CampaignsWriter, session: ReadSession) -> PartnerAnswer:
    """Read a partner.

    Needs a key with `campaigns:write`. Another organisation's partner is a 404.
    """
    partner = partners.own(session, slug, organisation_id=caller.organisation_id)
    return PartnerAnswer.model_validate(partner)


@router.post(
    "/partners",
    status_code=201,
    response_model=PartnerAnswer,
    responses=once_responses(has_location=True),
)
def create_partner(body: NewPartner, caller: CampaignsWriter, once: Once, now: Now) -> Response:
    """Add a partner. Organisers make its keys on their pages or by command. No call makes a key.

    Needs a key with `campaigns:write`.
    """

    def create(session: Session) -> PartnerAnswer:
        owner = organisations.get(session, caller.organisation_id)
        partner = partners.create(session, organisation=owner, **body.model_dump(), now=now)
        return PartnerAnswer.model_validate(partner)

    return once.answer(create, location="/v1/partners/{slug}")


@router.patch("/partners/{slug}")
def change_partner(
    slug: Slug, body: PartnerChange, caller: CampaignsWriter, session: WriteSession
) -> PartnerAnswer:
    """Change the given fields of a partner.

    Needs a key with `campaigns:write`. Another organisation's partner is a 404.
    """
    values = changes(body, keep=CLEARED_BY_NULL)
    if values.get("website", "") is None:
        values["website"] = ""
    partner = partners.own(session, slug, organisation_id=caller.organisation_id)
    return PartnerAnswer.model_validate(partners.change(session, partner, **values))


@router.get("/partners/{slug}/summary")
def read_summary(
    slug: Slug, caller: SignaturesReader, session: ReadSession, now: Now, days: Days = 30
) -> PartnerSummaryAnswer:
    """Count the signatures that came through a partner, by state, source and day.

    Needs a key with `signatures:read` of the organisation or of this partner. Signatures that are
    not confirmed yet are not counted: `pending` and `expired` are 0. The partner sees signatures
    that were confirmed after they came through it, and their states now. The counts have no
    personal data.
    """
    partner = partners.own(session, slug, organisation_id=caller.organisation_id)
    if caller.partner_id not in (None, partner.id):
        raise NotFound("partner_unknown", f"There is no partner '{slug}'.")
    counts = by_partner.of_partner(
        session,
        partner,
        is_own=caller.partner_id is not None,
        petition_ids=caller.petition_ids,
        days=days,
        now=now,
    )
    petitions = [PetitionSummary.model_validate(petition) for petition in counts]
    return PartnerSummaryAnswer(partner=partner.slug, name=partner.name, petitions=petitions)
