"""Campaigns: reading them, and writing them with a key."""

from typing import Any

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlmodel import Session

from api.answers import public_answers
from api.answers.caching import cacheable, cacheable_list
from api.answers.state import state_of
from api.http.dependencies import CampaignsWriter, Now, ReadSession, Slug, TheLobby, caller_of
from api.http.idempotency import Once, once_responses
from api.http.late_routes import Router
from api.http.paging import ThePage
from api.http.query_names import KNOWN_NAMES
from api.schemas.campaign import CampaignAnswer, CampaignChange, NewCampaign, campaign_answer
from api.v1.fetching import fetch_if_unknown
from services.assembly import Lobby
from services.campaigns import campaigns
from services.errors import Invalid
from services.letters import campaign_changes
from services.views import campaign_views

router = Router(tags=["campaigns"])
CLEARED_BY_NULL = {
    "nations",
    "likeness_limit",
    "letters_per_hour",
    "letters_per_member_day",
    "outcome_on",
}


@router.get("/campaigns", response_model=list[CampaignAnswer], dependencies=[KNOWN_NAMES])
def list_campaigns(
    request: Request,
    page: ThePage,
    session: ReadSession,
    lobby: TheLobby,
    now: Now,
) -> Response:
    """List public campaigns without their news, newest first. `Link` leads to the next page."""
    rows = campaigns.page(session, after=page.after, limit=page.limit + 1)
    links = page.links(request, [campaign.id for campaign in rows])
    views = campaign_views.of_campaigns(session, rows[: page.limit], now=now, with_partners=True)
    answers = [campaign_answer(view, lobby.settings.base_url) for view in views]
    return cacheable_list(request, answers, **links)


@router.get("/campaigns/{slug}", response_model=CampaignAnswer)
async def read_campaign(slug: Slug, request: Request) -> Response:
    """Read a campaign with its petitions, motion, totals and news.

    With a key, you can also read your organisation's drafts.
    """
    state = state_of(request)
    if "Authorization" in request.headers:
        return await run_in_threadpool(_for_caller, request, state.lobby, slug)
    return await public_answers.answer(request, state.public_answers.campaigns, slug)


@router.post(
    "/campaigns",
    status_code=201,
    response_model=CampaignAnswer,
    responses=once_responses(has_location=True),
)
def create_campaign(
    body: NewCampaign, caller: CampaignsWriter, lobby: TheLobby, once: Once
) -> Response:
    """Add a campaign. Needs a key with `campaigns:write`."""
    fetch_if_unknown(lobby, body.motion_id)
    now = lobby.clock()

    def create(session: Session) -> CampaignAnswer:
        campaign = campaigns.create(
            session,
            organisation_id=caller.organisation_id,
            values=body.model_dump(exclude={"motion_id"}),
            motion_id=body.motion_id,
            now=now,
        )
        view = campaign_views.of_campaign(session, campaign, now=now)
        return campaign_answer(view, lobby.settings.base_url)

    return once.answer(create, location="/v1/campaigns/{slug}")


@router.patch("/campaigns/{slug}")
def change_campaign(
    slug: Slug, body: CampaignChange, caller: CampaignsWriter, lobby: TheLobby
) -> CampaignAnswer:
    """Change the given fields of a campaign. With new limits, queued letters are rescheduled.

    Needs a key with `campaigns:write`. Another organisation's campaign is a 404.
    """
    with lobby.database.read() as session:
        campaigns.own(session, slug, organisation_id=caller.organisation_id)
    fetch_if_unknown(lobby, body.motion_id)
    now = lobby.clock()
    with lobby.database.write() as session:
        campaign = campaigns.own(session, slug, organisation_id=caller.organisation_id)
        values = changes(body, keep=CLEARED_BY_NULL)
        motion_id = values.pop("motion_id", None)
        campaign_changes.change(
            session, campaign, values=values, motion_id=motion_id, pace=lobby.pace, now=now
        )
        view = campaign_views.of_campaign(session, campaign, now=now)
        return campaign_answer(view, lobby.settings.base_url)


def changes(body: Any, *, keep: set[str]) -> dict[str, Any]:
    """Returns the fields in a body. `null` is allowed in those of `keep`, and Invalid in others."""
    values: dict[str, Any] = body.model_dump(exclude_unset=True)
    for name, value in values.items():
        if value is None and name not in keep:
            raise Invalid.field(name, "null", "This cannot be null; leave it out to keep it.")
    return values


def _for_caller(request: Request, lobby: Lobby, slug: str) -> Response:
    caller = caller_of(request, lobby)
    with lobby.database.read() as session:
        viewer = caller.viewer if caller else None
        campaign = campaigns.public(session, slug, viewer=viewer)
        view = campaign_views.of_campaign(session, campaign, now=lobby.clock())
    return cacheable(request, campaign_answer(view, lobby.settings.base_url))
