"""Petitions: reading them, and writing them with a key."""

from typing import Annotated

from fastapi import Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlmodel import Session

from api.answers import public_answers
from api.answers.caching import cacheable, cacheable_list
from api.answers.state import state_of
from api.http.dependencies import (
    Anyone,
    CampaignsWriter,
    Now,
    ReadSession,
    Slug,
    WriteSession,
    caller_of,
)
from api.http.idempotency import Once, once_responses
from api.http.late_routes import Router
from api.http.paging import ThePage
from api.http.query_names import KNOWN_NAMES
from api.schemas.fields import same_of
from api.schemas.petition import NewPetition, PetitionAnswer, PetitionChange, petition_answer
from api.v1.campaigns import changes
from models import PetitionState
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.keys import api_keys
from services.views import campaign_views

router = Router(tags=["petitions"])


@router.get("/petitions", response_model=list[PetitionAnswer], dependencies=[KNOWN_NAMES])
def list_petitions(
    request: Request,
    page: ThePage,
    caller: Anyone,
    session: ReadSession,
    now: Now,
    campaign: Annotated[str | None, Query(max_length=80, description="A campaign's slug.")] = None,
    state: PetitionState | None = None,
    status: PetitionState | None = None,
) -> Response:
    """List public petitions, newest first. `Link` leads to the next page.

    With a key, your organisation's drafts are in the list too.
    """
    rows = petitions.page(
        session,
        viewer=caller.viewer if caller else None,
        campaign=campaign,
        state=same_of(status, state),
        after=page.after,
        limit=page.limit + 1,
    )
    links = page.links(request, [petition.id for petition, _ in rows])
    views = campaign_views.of_petitions(session, rows[: page.limit], now=now)
    return cacheable_list(request, [petition_answer(view) for view in views], **links)


@router.get("/petitions/{slug}", response_model=PetitionAnswer)
async def read_petition(slug: Slug, request: Request) -> Response:
    """Read a petition with its count of confirmed signatures.

    With a key, you can also read your organisation's drafts.
    """
    state = state_of(request)
    if "Authorization" in request.headers:
        return await run_in_threadpool(_for_caller, request, state.lobby, slug)
    return await public_answers.answer(request, state.public_answers.petitions, slug)


@router.post(
    "/campaigns/{slug}/petitions",
    status_code=201,
    response_model=PetitionAnswer,
    responses=once_responses(has_location=True),
)
def create_petition(
    slug: Slug, body: NewPetition, caller: CampaignsWriter, once: Once, now: Now
) -> Response:
    """Add a petition to a campaign. Needs a key with `campaigns:write`."""

    def create(session: Session) -> PetitionAnswer:
        campaign = campaigns.own(session, slug, organisation_id=caller.organisation_id)
        petition = petitions.create(session, campaign=campaign, values=body.model_dump(), now=now)
        return petition_answer(campaign_views.of_petition(session, petition, now=now))

    return once.answer(create, location="/v1/petitions/{slug}")


@router.patch("/petitions/{slug}")
def change_petition(
    slug: Slug, body: PetitionChange, caller: CampaignsWriter, session: WriteSession, now: Now
) -> PetitionAnswer:
    """Change the given fields of a petition.

    Needs a key with `campaigns:write` that covers this petition. Another organisation's petition
    is a 404.
    """
    petition = api_keys.own_petition(session, caller, slug)
    values = changes(body, keep={"goal", "closes_at"})
    petitions.update(session, petition, values=values, now=now)
    return petition_answer(campaign_views.of_petition(session, petition, now=now))


def _for_caller(request: Request, lobby: Lobby, slug: str) -> Response:
    caller = caller_of(request, lobby)
    with lobby.database.read() as session:
        viewer = caller.viewer if caller else None
        petition = petitions.public(session, slug, viewer=viewer)
        view = campaign_views.of_petition(session, petition, now=lobby.clock())
    return cacheable(request, petition_answer(view))
