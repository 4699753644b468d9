"""The page of one MP in a campaign, and that of a seat, which leads to its MP."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from sqlmodel import Session

from api.answers.cached_answer import CachedAnswer
from api.answers.state import state_of
from api.http.dependencies import Slug
from api.http.late_routes import Router
from models import Campaign
from services.assembly import Lobby
from services.campaigns import campaigns
from services.errors import NotFound
from services.organisations import faces
from services.tallies.seat_table import Tally
from services.views import member_pages
from services.views.embeds import EmbedPlace
from services.views.member_pages import MemberPage
from web.base import cached_pages, stands
from web.base.forms import Form
from web.base.rendering import page
from web.base.sharing import ShareLinks
from web.public.members.statements import statements_of
from web.public.sign_pages import SignPlace, TheSignPlace

LONGEST_ID = 10
router = Router()


@dataclass(frozen=True, slots=True)
class OneMpPage:
    """Names the page of an MP in a campaign, and where its visitors come from."""

    slug: str
    member_id: int
    place: SignPlace

    def answer(self, session: Session, lobby: Lobby) -> CachedAnswer:
        """Renders it. Raises NotFound for a draft and for an unknown member."""
        campaign = campaigns.public(session, self.slug)
        return cached_pages.cached(
            _of_member(session, lobby, campaign, self.member_id, self.place, is_private=False)
        )


@router.get("/campaigns/{slug}/mps/{member_id}")
async def show_mp(slug: Slug, member_id: str, request: Request, place: TheSignPlace) -> Response:
    """Shows whether an MP has signed, what they said, and how many constituents asked."""
    number = _number(member_id)

    def fresh(session: Session, viewer: UUID | None) -> Response:
        campaign, lobby = campaigns.public(session, slug, viewer=viewer), state_of(request).lobby
        is_private = viewer is not None  # it may be of a draft
        return _of_member(session, lobby, campaign, number, place, is_private=is_private)

    cached = OneMpPage(slug, number, place) if place.is_common else None
    return await cached_pages.answer(request, cached, fresh)


@router.get("/campaigns/{slug}/constituencies/{code}")
async def show_seat(slug: Slug, code: str, request: Request, place: TheSignPlace) -> Response:
    """Redirects to the MP of a constituency. Of a vacant one it shows how many people asked."""

    def fresh(session: Session, viewer: UUID | None) -> Response:
        campaign, lobby = campaigns.public(session, slug, viewer=viewer), state_of(request).lobby
        member_id = member_pages.member_of_seat(session, code, now=lobby.clock())
        if member_id is not None:
            path = f"/campaigns/{slug}/mps/{member_id}"
            return RedirectResponse(cached_pages.with_query(path, request), 302)
        return _of_vacant(session, lobby, campaign, code, place, is_private=viewer is not None)

    return await cached_pages.answer(request, None, fresh)


def _number(member_id: str) -> int:
    """Returns Parliament's id of a member. Raises NotFound for what can be none."""
    if not (member_id.isascii() and member_id.isdecimal() and len(member_id) < LONGEST_ID):
        raise NotFound("member_unknown", "There is no such MP.")
    return int(member_id)


def _of_member(
    session: Session,
    lobby: Lobby,
    campaign: Campaign,
    member_id: int,
    place: SignPlace,
    *,
    is_private: bool,
) -> Response:
    shown = member_pages.of_member(session, campaign, member_id, now=lobby.clock())
    address = f"{lobby.settings.base_url}/campaigns/{campaign.slug}/mps/{member_id}"
    return page(
        "public/members/one_mp.html",
        session,
        is_private=is_private,
        shown=shown,
        row=shown.row,
        stand=_stand(shown),
        statements=statements_of(shown.row) if shown.row else [],
        form=Form(),
        links=ShareLinks(address, _share_text(shown)),
        **_common(session, campaign, shown.tally, place),
    )


def _stand(shown: MemberPage) -> stands.Stand | None:
    row = shown.row
    if row is None:
        return None
    if shown.tally.motion is None:
        return stands.without_motion(shown.name, row.eligibility)
    return stands.of_member(shown.name, row.standing, row.eligibility)


def _share_text(shown: MemberPage) -> str:
    question = f"Has {shown.name} signed?" if shown.tally.motion else f"{shown.name}:"
    return f"{question} {shown.campaign.title}"


def _of_vacant(
    session: Session,
    lobby: Lobby,
    campaign: Campaign,
    code: str,
    place: SignPlace,
    *,
    is_private: bool,
) -> Response:
    tally, row = member_pages.of_seat(session, campaign, code, now=lobby.clock())
    address = f"{lobby.settings.base_url}/campaigns/{campaign.slug}/constituencies/{code}"
    return page(
        "public/members/vacant_seat.html",
        session,
        is_private=is_private,
        row=row,
        links=ShareLinks(address, f"{campaign.title}: {row.constituency.name}"),
        **_common(session, campaign, tally, place),
    )


def _common(session: Session, campaign: Campaign, tally: Tally, place: SignPlace) -> dict[str, Any]:
    """Returns what both pages show of the campaign. Links keep where visitors came from."""
    return {
        "campaign": campaign,
        "tally": tally,
        "signed": tally.signed_in_seats,
        "face": faces.of_campaign(session, campaign),
        "query": EmbedPlace("", place.source).query,
    }
