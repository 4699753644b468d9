"""A campaign's news: reading it, and writing it with a key."""

from datetime import datetime
from uuid import UUID

from fastapi import Request, Response
from sqlmodel import Session

from api.http.dependencies import (
    Anyone,
    CampaignsWriter,
    Now,
    ReadSession,
    Slug,
    TheLobby,
    WriteSession,
)
from api.http.idempotency import Once, once_responses
from api.http.late_routes import Router
from api.http.paging import ThePage
from api.http.query_names import KNOWN_NAMES
from api.schemas.update import NewUpdate, UpdateAnswer, UpdateChange, update_answer
from api.v1.campaigns import changes
from models import Campaign
from services.campaigns import campaigns, news
from services.keys.api_keys import Caller

router = Router(tags=["campaigns"])


@router.get("/campaigns/{slug}/updates", dependencies=[KNOWN_NAMES])
def list_updates(
    slug: Slug,
    request: Request,
    response: Response,
    page: ThePage,
    caller: Anyone,
    session: ReadSession,
    lobby: TheLobby,
    now: Now,
) -> list[UpdateAnswer]:
    """List a campaign's news, the last added first. `Link` leads to the next page.

    With a key of its organisation, you can also read scheduled news.
    """
    campaign = campaigns.public(session, slug, viewer=caller.viewer if caller else None)
    rows = news.page(
        session,
        campaign,
        published_by=_published_by(campaign, caller, now),
        after=page.after,
        limit=page.limit + 1,
    )
    page.link_next(request, response, [update.id for update in rows])
    base_url = lobby.settings.base_url
    return [update_answer(campaign, update, base_url) for update in rows[: page.limit]]


@router.get("/campaigns/{slug}/updates/{update_id}")
def read_update(
    slug: Slug, update_id: UUID, caller: Anyone, session: ReadSession, lobby: TheLobby, now: Now
) -> UpdateAnswer:
    """Read a news item of a campaign.

    With a key of its organisation, you can also read scheduled news.
    """
    campaign = campaigns.public(session, slug, viewer=caller.viewer if caller else None)
    published_by = _published_by(campaign, caller, now)
    update = news.get(session, campaign, update_id, published_by=published_by)
    return update_answer(campaign, update, lobby.settings.base_url)


@router.post(
    "/campaigns/{slug}/updates",
    status_code=201,
    response_model=UpdateAnswer,
    responses=once_responses(has_location=True),
)
def create_update(
    slug: Slug, body: NewUpdate, caller: CampaignsWriter, lobby: TheLobby, once: Once, now: Now
) -> Response:
    """Add news to a campaign. With a `published_at` in the future, it is shown from then on.

    Needs a key with `campaigns:write`. Another organisation's campaign is a 404.
    """

    def create(session: Session) -> UpdateAnswer:
        campaign = campaigns.own(session, slug, organisation_id=caller.organisation_id)
        update = news.add(
            session,
            campaign,
            title=body.title,
            body=body.body,
            published_at=body.published_at or now,
            now=now,
        )
        return update_answer(campaign, update, lobby.settings.base_url)

    return once.answer(create, location=f"/v1/campaigns/{slug}/updates/{{id}}")


@router.patch("/campaigns/{slug}/updates/{update_id}")
def change_update(
    slug: Slug,
    update_id: UUID,
    body: UpdateChange,
    caller: CampaignsWriter,
    session: WriteSession,
    lobby: TheLobby,
    now: Now,
) -> UpdateAnswer:
    """Change the given fields of a news item. Its address stays when its title changes.

    Needs a key with `campaigns:write`. Another organisation's campaign is a 404.
    """
    values = changes(body, keep=set())
    campaign = campaigns.own(session, slug, organisation_id=caller.organisation_id)
    update = news.get(session, campaign, update_id, published_by=None)
    news.change(session, update, values=values, now=now)
    return update_answer(campaign, update, lobby.settings.base_url)


@router.delete("/campaigns/{slug}/updates/{update_id}", status_code=204)
def delete_update(
    slug: Slug, update_id: UUID, caller: CampaignsWriter, session: WriteSession
) -> None:
    """Delete a news item permanently. Its page answers 404 from then on.

    Needs a key with `campaigns:write`. Another organisation's campaign is a 404.
    """
    campaign = campaigns.own(session, slug, organisation_id=caller.organisation_id)
    news.delete(session, news.get(session, campaign, update_id, published_by=None))


def _published_by(campaign: Campaign, caller: Caller | None, now: datetime) -> datetime | None:
    """Returns None, which shows scheduled news too, to the campaign's own organisation."""
    is_own = caller is not None and caller.viewer == campaign.organisation_id
    return None if is_own else now
