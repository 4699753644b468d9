"""The list of campaigns, and each of them."""

from uuid import UUID

from fastapi import APIRouter, Response

from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from services.campaigns import campaigns
from services.views import campaign_views
from web.base.dependencies import Viewer
from web.base.forms import Form
from web.base.rendering import page

PAGE = 30
router = APIRouter()


@router.get("/")
def home(session: ReadSession, now: Now, after: UUID | None = None) -> Response:
    """Public campaigns, newest first."""
    found = campaigns.page(session, after=after, limit=PAGE + 1)
    views = campaign_views.of_campaigns(session, found[:PAGE], now=now)
    older = found[PAGE - 1].id if len(found) > PAGE else None
    return page("public/home.html", session, views=views, older=older)


@router.get("/campaigns/{slug}")
def campaign(
    slug: Slug, session: ReadSession, now: Now, viewer: Viewer, lobby: TheLobby
) -> Response:
    """One campaign; its first open petition can be signed right here."""
    found = campaigns.public(session, slug, viewer=viewer)
    view = campaign_views.of_campaign(session, found, now=now)
    first = next((petition for petition in view.petitions if petition.is_open), None)
    others = [petition for petition in view.petitions if petition is not first]
    return page(
        "public/campaign.html",
        session,
        view=view,
        petition_view=first,
        others=others,
        form=Form(),
        base_url=lobby.settings.base_url,
    )
