"""The checkbox in which a partner asks a signer for consent to contact them."""

from dataclasses import dataclass

from sqlmodel import Session

from models import Partner, Petition
from services.common import texts
from services.errors import Invalid, NotFound
from services.organisations import partners
from services.supporters import wordings


@dataclass(frozen=True, slots=True)
class PartnerBox:
    """The partner, and the exact words of its question, which are stored with the consent."""

    slug: str
    name: str
    text: str


def of_petition(session: Session, petition: Petition, slug: str) -> PartnerBox | None:
    """Returns the checkbox of the partner that a link names.

    None where the petition's organisation has no such partner: a link with a mistake in it still
    shows the petition.
    """
    try:
        partner = partners.own(session, texts.slug(slug), organisation_id=petition.organisation_id)
    except (Invalid, NotFound):
        return None
    return of_partner(partner)


def of_partner(partner: Partner) -> PartnerBox:
    """Returns the checkbox of a partner."""
    return PartnerBox(partner.slug, partner.name, wordings.partner_text(partner.name))
