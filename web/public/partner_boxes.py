"""The box in which a partner asks whether it may contact a signer, apart from all others."""

from dataclasses import dataclass

from sqlmodel import Session

from models import Partner, Petition
from services.common import texts
from services.errors import Invalid, NotFound
from services.organisations import partners
from services.supporters import wordings


@dataclass(frozen=True, slots=True)
class PartnerBox:
    """Whose, and the exact words that are asked."""

    slug: str
    name: str
    text: str


def of_petition(session: Session, petition: Petition, slug: str) -> PartnerBox | None:
    """For the partner that a link names; None where the petition's organisation has no such one: a
    link with a mistake in it is still a link to the petition."""
    try:
        found = partners.own(session, texts.slug(slug), organisation_id=petition.organisation_id)
    except (Invalid, NotFound):
        return None
    return of_partner(found)


def of_partner(partner: Partner) -> PartnerBox:
    """For a partner that is known."""
    return PartnerBox(partner.slug, partner.name, wordings.partner_text(partner.name))
