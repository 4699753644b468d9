"""What the pages behind the links in a signer's emails show."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from fastapi import Response
from sqlmodel import Session

from models import Campaign, Petition
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.common.tokens import Purpose
from services.organisations import faces, organisations
from services.organisations.faces import Face
from services.signatures import mail_links
from services.signatures.mail_links import LinkedSignature, LinkState
from services.supporters import seat_watches
from services.views import seat_views
from services.views.seat_views import SeatView
from web.base.rendering import page


@dataclass(frozen=True, slots=True)
class SignatureView:
    """A submission or a signature, with its petition, campaign, organisation and seat."""

    linked: LinkedSignature
    petition: Petition
    campaign: Campaign
    face: Face
    seat: SeatView
    is_watching: bool
    petition_is_open: bool

    @property
    def state(self) -> LinkState:
        """Returns what the link leads to."""
        return self.linked.state

    @property
    def can_watch(self) -> bool:
        """Returns whether the signer of a vacant seat can ask for an email about its next MP."""
        return seat_watches.can_watch(self.campaign, self.seat.constituency, self.seat.member)


def find(session: Session, lobby: Lobby, row_id: UUID, *, now: datetime) -> SignatureView | None:
    """Returns what a link is about, or None if there is nothing any more."""
    linked = mail_links.find(session, row_id, keyring=lobby.keyring)
    if linked is None:
        return None
    petition = petitions.get(session, linked.petition_id)
    campaign = campaigns.get(session, petition.campaign_id)
    signature = linked.signature
    return SignatureView(
        linked=linked,
        petition=petition,
        campaign=campaign,
        face=face_of(session, petition),
        seat=seat_views.seat_view(session, petition, linked.constituency_code, now=now),
        is_watching=signature is not None and seat_watches.is_waiting(session, signature),
        petition_is_open=petitions.is_open(petition, campaign_status=campaign.status, now=now),
    )


def face_of(session: Session, owned: Petition | Campaign) -> Face:
    """Returns the face of the organisation that owns a petition or a campaign."""
    owner = organisations.get(session, owned.organisation_id)
    return faces.of_organisation(session, owner)


def expired_page(session: Session, lobby: Lobby, purpose: Purpose, token: str) -> Response:
    """Says that a link does nothing any more, and leads to its petition where that is known."""
    row_id, bound_to = lobby.tokens.read_expired(purpose, token)
    petition = mail_links.petition_of(session, row_id, bound_to)
    is_open, face = False, None
    if petition is not None:
        status = campaigns.get(session, petition.campaign_id).status
        is_open = petitions.is_open(petition, campaign_status=status, now=lobby.clock())
        face = face_of(session, petition)
    return page(
        "signatures/link_expired.html",
        session,
        status=410,
        is_private=True,
        face=face,
        petition=petition,
        is_open=is_open,
    )
