"""The pages with the form to sign: a campaign's, and a petition's where a campaign has several."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Response
from sqlmodel import Session

from api.http.response_headers import POLICY, content_policy
from models import Campaign, CampaignStatus, Petition, PetitionState
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.organisations import faces
from services.views import campaign_pages, campaign_views, embeds, timelines
from web.base.forms import Form
from web.base.rendering import page
from web.base.sharing import MEDIA, ShareLinks
from web.public import partner_boxes
from web.public.partner_boxes import PartnerBox


@dataclass(frozen=True, slots=True)
class SignPlace:
    """Where a visitor comes from, as the address says: a partner's slug and a source, or ''."""

    partner: str = ""
    source: str = ""

    @property
    def is_common(self) -> bool:
        """Whether so many come from there that the page for them is worth caching."""
        return not self.partner and (not self.source or self.source in MEDIA)


async def place_of(partner: str = "", source: str = "", utm_source: str = "") -> SignPlace:
    """Reads the place from an address. `utm_source` counts where there is no `source`."""
    known = embeds.EmbedPlace.of(partner, source)
    return SignPlace(known.partner, known.source or embeds.source_or_none(utm_source))


TheSignPlace = Annotated[SignPlace, Depends(place_of)]


def of_campaign(
    session: Session,
    lobby: Lobby,
    campaign: Campaign,
    place: SignPlace,
    *,
    form: Form | None = None,
    status: int = 200,
    is_private: bool = False,
) -> Response:
    """Renders a campaign's page; that of a draft as the public will see it, for its organisers."""
    is_preview = campaign.status is CampaignStatus.DRAFT
    shown = campaign_pages.of_campaign(session, campaign, now=lobby.clock(), as_if_open=is_preview)
    address = f"{lobby.settings.base_url}/campaigns/{campaign.slug}"
    petition_view = shown.form_petition
    partner = _partner(session, petition_view.petition, place) if petition_view else None
    return page(
        "public/campaign.html",
        session,
        status=status,
        is_private=is_private,
        face=shown.face,
        shown=shown,
        view=shown.view,
        is_preview=is_preview,
        timeline=timelines.of_campaign(session, campaign, now=lobby.clock()),
        form=form or Form({"source": place.source}),
        partner=partner,
        query=_query(partner, place),
        links=ShareLinks(address, shown.title),
        base_url=lobby.settings.base_url,
    )


def of_petition(
    session: Session,
    lobby: Lobby,
    petition: Petition,
    place: SignPlace,
    *,
    form: Form | None = None,
    status: int = 200,
    is_private: bool = False,
) -> Response:
    """Renders the page of one of several petitions of a campaign."""
    now = lobby.clock()
    campaign = campaigns.get(session, petition.campaign_id)
    view = campaign_views.of_campaigns(session, [campaign], now=now)[0]
    address = f"{lobby.settings.base_url}/petitions/{petition.slug}"
    partner = _partner(session, petition, place)
    return page(
        "public/petition.html",
        session,
        status=status,
        is_private=is_private,
        face=faces.of_organisation(session, view.organisation),
        petition_view=campaign_views.of_petition(session, petition, now=now),
        view=view,
        seats=campaign_pages.seat_count(session),
        takes_letters=campaign_pages.takes_letters(view),
        form=form or Form({"source": place.source}),
        partner=partner,
        query=_query(partner, place),
        links=ShareLinks(address, petition.action),
        base_url=lobby.settings.base_url,
    )


def home_of(session: Session, petition: Petition) -> Campaign | None:
    """Returns the campaign whose page takes the place of the petition's own.

    None where the campaign has several petitions, and for a draft.
    """
    if petition.state is PetitionState.DRAFT:
        return None
    siblings = petitions.of_campaigns(session, [petition.campaign_id])[petition.campaign_id]
    return campaigns.get(session, petition.campaign_id) if len(siblings) == 1 else None


def with_problems(lobby: Lobby, slug: str, form: Form, status: int) -> Response:
    """Renders the page that has the form of a petition, with what was typed and its problems."""
    place = SignPlace(form.value("partner"), form.value("source"))
    with lobby.database.read() as session:
        petition = petitions.public(session, slug)
        campaign = home_of(session, petition)
        response = (
            of_campaign(session, lobby, campaign, place, form=form, status=status, is_private=True)
            if campaign
            else of_petition(
                session, lobby, petition, place, form=form, status=status, is_private=True
            )
        )
    if form.proof:
        response.headers[POLICY] = content_policy(script_src="'self'")
    return response


def _partner(session: Session, petition: Petition, place: SignPlace) -> PartnerBox | None:
    return partner_boxes.of_petition(session, petition, place.partner) if place.partner else None


def _query(partner: PartnerBox | None, place: SignPlace) -> str:
    """Returns the query for the form's address, so that a reload finds the same form."""
    return embeds.EmbedPlace(partner.slug if partner else "", place.source).query
