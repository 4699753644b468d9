"""The list of campaigns, and a page for each."""

from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

from fastapi import Request, Response
from sqlmodel import Session

from api.answers.cached_answer import CachedAnswer
from api.answers.state import state_of
from api.http.dependencies import Slug
from api.http.late_routes import Router
from models import CampaignStatus
from services.assembly import Lobby
from services.campaigns import campaigns
from services.organisations import faces
from services.views import campaign_pages
from services.views.campaign_pages import CampaignCard
from web.base import cached_pages
from web.base.forms import Form
from web.base.rendering import page
from web.public import sign_pages
from web.public.sign_pages import SignPlace, TheSignPlace

PAGE_SIZE = 30
router = Router()


@dataclass(frozen=True, slots=True)
class HomePage:
    """Names the first page of the list."""

    def answer(self, session: Session, lobby: Lobby) -> CachedAnswer:
        """Renders it."""
        return cached_pages.cached(_home(session, lobby, after=None, is_private=False))


@dataclass(frozen=True, slots=True)
class CampaignPage:
    """Names the page of a campaign, and where its visitors come from."""

    slug: str
    place: SignPlace

    def answer(self, session: Session, lobby: Lobby) -> CachedAnswer:
        """Renders it. Raises NotFound for a draft too."""
        campaign = campaigns.public(session, self.slug)
        return cached_pages.cached(sign_pages.of_campaign(session, lobby, campaign, self.place))


@router.get("/")
async def home(request: Request, after: UUID | None = None) -> Response:
    """Lists the public campaigns, newest first; the page after the campaign `after`."""

    def fresh(session: Session, viewer: UUID | None) -> Response:
        lobby = state_of(request).lobby
        return _home(session, lobby, after=after, is_private=viewer is not None)

    return await cached_pages.answer(request, None if after else HomePage(), fresh)


@router.get("/campaigns/{slug}")
async def show_campaign(slug: Slug, request: Request, place: TheSignPlace) -> Response:
    """Shows a campaign with the form of its first open petition."""

    def fresh(session: Session, viewer: UUID | None) -> Response:
        campaign = campaigns.public(session, slug, viewer=viewer)
        lobby, is_private = state_of(request).lobby, viewer is not None
        return sign_pages.of_campaign(session, lobby, campaign, place, is_private=is_private)

    cached = CampaignPage(slug, place) if place.is_common else None
    return await cached_pages.answer(request, cached, fresh)


def _home(session: Session, lobby: Lobby, *, after: UUID | None, is_private: bool) -> Response:
    newest = campaigns.page(session, after=after, limit=PAGE_SIZE + 1)
    cards = campaign_pages.cards(session, newest[:PAGE_SIZE], now=lobby.clock())
    return page(
        "public/home.html",
        session,
        is_private=is_private,
        face=faces.of_only_organisation(session),
        groups=_groups(cards),
        shows_finder=any(_asks_mps(card) for card in cards),
        form=Form(),
        last_shown=newest[PAGE_SIZE - 1].id if len(newest) > PAGE_SIZE else None,
        base_url=lobby.settings.base_url,
    )


def _asks_mps(card: CampaignCard) -> bool:
    """Returns whether an open campaign asks MPs to sign a motion."""
    return card.view.campaign.status is CampaignStatus.OPEN and card.view.motion is not None


def _groups(cards: list[CampaignCard]) -> dict[str, list[CampaignCard]]:
    """Returns the running, the won and the other campaigns, under these names."""

    def group_of(card: CampaignCard) -> str:
        status = card.view.campaign.status
        return {CampaignStatus.OPEN: "running", CampaignStatus.WON: "won"}.get(status, "ended")

    order = ["running", "won", "ended"]
    by_group = sorted(cards, key=lambda card: order.index(group_of(card)))
    return {name: list(group) for name, group in groupby(by_group, key=group_of)}
