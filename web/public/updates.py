"""A campaign's news: a page for each item, and one with all of it and the dates."""

from typing import Annotated, Any

from fastapi import Query, Response
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from api.http.late_routes import Router
from models import Campaign
from services.assembly import Lobby
from services.campaigns import campaigns, news
from services.errors import NotFound
from services.organisations import faces
from services.views import campaign_views, timelines
from services.views.embeds import EmbedPlace
from web.base.dependencies import Viewer
from web.base.rendering import page
from web.base.sharing import ShareLinks

PAGE_SIZE = 30
PageNumber = Annotated[int, Query(ge=1, le=1000)]
router = Router()


@router.get("/campaigns/{slug}/updates/{update}")
def show_update(
    slug: Slug,
    update: Slug,
    session: ReadSession,
    now: Now,
    viewer: Viewer,
    lobby: TheLobby,
    partner: str = "",
    source: str = "",
    utm_source: str = "",
) -> Response:
    """Shows a news item. It answers 404 until it is published."""
    campaign = campaigns.public(session, slug, viewer=viewer)
    entry = timelines.of_update(campaign, news.published(session, campaign, update, now=now))
    return page(
        "public/update.html",
        session,
        is_private=viewer is not None,  # it may be of a draft
        entry=entry,
        links=ShareLinks(f"{lobby.settings.base_url}{entry.address}", entry.title),
        query=EmbedPlace.of(partner, source or utm_source).query,
        **_common(session, campaign, lobby),
    )


@router.get("/campaigns/{slug}/updates")
def show_updates(
    slug: Slug,
    session: ReadSession,
    now: Now,
    viewer: Viewer,
    lobby: TheLobby,
    number: Annotated[PageNumber, Query(alias="page")] = 1,
    source: str = "",
    utm_source: str = "",
) -> Response:
    """Shows all news and dates of a campaign. Coming dates are on the first page."""
    campaign = campaigns.public(session, slug, viewer=viewer)
    timeline = timelines.of_campaign(session, campaign, now=now)
    begin = (number - 1) * PAGE_SIZE
    if number > 1 and begin >= len(timeline.past):
        raise NotFound("page_unknown", "There is no such page of this campaign’s news.")
    return page(
        "public/updates.html",
        session,
        is_private=viewer is not None,
        coming=timeline.coming if number == 1 else (),
        past=timeline.past[begin : begin + PAGE_SIZE],
        number=number,
        has_next=len(timeline.past) > begin + PAGE_SIZE,
        query=EmbedPlace.of("", source or utm_source).query,
        **_common(session, campaign, lobby),
    )


def _common(session: Session, campaign: Campaign, lobby: Lobby) -> dict[str, Any]:
    """Returns what both pages show of the campaign."""
    view = campaign_views.of_campaigns(session, [campaign], now=lobby.clock())[0]
    return {
        "view": view,
        "face": faces.of_organisation(session, view.organisation),
        "can_sign": any(petition.is_open for petition in view.petitions),
        "base_url": lobby.settings.base_url,
    }
