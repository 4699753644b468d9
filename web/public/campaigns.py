"""The list of campaigns, and a page for each."""

from uuid import UUID

from fastapi import APIRouter, Response

from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from services.campaigns import campaigns
from services.views import campaign_views, timelines
from web.base.dependencies import Viewer
from web.base.forms import Form
from web.base.rendering import page

PAGE_SIZE = 30
router = APIRouter()


@router.get("/")
def home(session: ReadSession, now: Now, after: UUID | None = None) -> Response:
    """Lists the public campaigns, newest first; the page after the campaign `after`."""
    newest = campaigns.page(session, after=after, limit=PAGE_SIZE + 1)
    views = campaign_views.of_campaigns(session, newest[:PAGE_SIZE], now=now)
    last_shown = newest[PAGE_SIZE - 1].id if len(newest) > PAGE_SIZE else None
    return page("public/home.html", session, views=views, last_shown=last_shown)


@router.get("/campaigns/{slug}")
def show_campaign(
    slug: Slug, session: ReadSession, now: Now, viewer: Viewer, lobby: TheLobby
) -> Response:
    """Shows a campaign with the form of its first open petition."""
    campaign = campaigns.public(session, slug, viewer=viewer)
    view = campaign_views.of_campaign(session, campaign, now=now)
    first_open = next((petition for petition in view.petitions if petition.is_open), None)
    return page(
        "public/campaign.html",
        session,
        is_private=viewer is not None,  # it may be a draft
        view=view,
        timeline=timelines.of_campaign(session, campaign, now=now),
        petition_view=first_open,
        other_petitions=[petition for petition in view.petitions if petition is not first_open],
        form=Form(),
        base_url=lobby.settings.base_url,
    )
