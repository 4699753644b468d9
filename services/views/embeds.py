"""A petition's form on another site: the partner whose site it is, and who may show the form."""

import re
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode
from uuid import UUID

from sqlmodel import Session

from core.settings import is_origin
from models import Campaign, Partner
from services.campaigns import petitions
from services.common import texts
from services.errors import Invalid, NotFound
from services.organisations import faces, partners
from services.organisations.faces import Face
from services.signatures.entries import LONGEST_SOURCE
from services.views import campaign_views
from services.views.campaign_views import CampaignView, PetitionView

_SLUG = re.compile(r"[a-z0-9-]{1,80}")


@dataclass(frozen=True, slots=True)
class EmbedPlace:
    """Where a form is embedded, as its URL says: a partner's slug and a tracking code, or ''."""

    partner: str = ""
    source: str = ""

    @classmethod
    def of(cls, partner: str, source: str) -> "EmbedPlace":
        """Drops a malformed slug or tracking code: the supporter who sees the form did not write
        it, and can sign without it."""
        return cls(partner if _SLUG.fullmatch(partner) else "", source_or_none(source))

    @property
    def query(self) -> str:
        """The query of a URL, with its '?'; empty where there is neither."""
        params = {"partner": self.partner, "source": self.source}
        encoded = urlencode({name: value for name, value in params.items() if value})
        return f"?{encoded}" if encoded else ""


@dataclass(frozen=True, slots=True)
class Embed:
    """A petition's form on other sites.

    `face` is the organisation's. `origins` may show the form in a frame, beside the service itself;
    `*` means every origin.
    """

    petition_view: PetitionView
    view: CampaignView
    face: Face
    partner: Partner | None
    origins: tuple[str, ...]


def of_petition(
    session: Session, slug: str, *, partner: str, elsewhere: tuple[str, ...], now: datetime
) -> Embed:
    """Returns a public petition's form. Raises NotFound where the public does not see it.

    The origins are those of the partner's sites, or `elsewhere` where there is no partner, or none
    of that slug in the petition's organisation.
    """
    petition = petitions.public(session, slug)
    campaign = session.get_one(Campaign, petition.campaign_id)
    partner_row = partner_of(session, petition.organisation_id, partner) if partner else None
    view = campaign_views.of_campaigns(session, [campaign], now=now)[0]
    return Embed(
        petition_view=campaign_views.of_petition(session, petition, now=now),
        view=view,
        face=faces.of_organisation(session, view.organisation),
        partner=partner_row,
        origins=_origins_of(partner_row) if partner_row else elsewhere,
    )


def partner_of(session: Session, organisation_id: UUID, slug: str) -> Partner | None:
    """Returns the organisation's partner with that slug, if it has one."""
    try:
        return partners.own(session, slug, organisation_id=organisation_id)
    except NotFound:
        return None


def tracking_code(text: str) -> str:
    """Returns a source code, trimmed.

    Raises Invalid where it is empty, too long or not a single line.
    """
    return texts.line(text, "source", longest=LONGEST_SOURCE)


def source_or_none(text: str) -> str:
    """Returns a source code, trimmed, or '' where it is malformed.

    Somebody who follows a link did not write the code and cannot correct it.
    """
    try:
        return tracking_code(text)
    except Invalid:
        return ""


def _origins_of(partner: Partner) -> tuple[str, ...]:
    """Leaves out malformed origins, because these values go into a header."""
    return tuple(origin for origin in partner.allowed_origins if is_origin(origin))
