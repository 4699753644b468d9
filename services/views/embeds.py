"""The form of a petition within another site: whose site, and which sites may show it."""

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
from services.organisations import partners
from services.signatures.entries import LONGEST_SOURCE
from services.views import campaign_views
from services.views.campaign_views import CampaignView, PetitionView

_SLUG = re.compile(r"[a-z0-9-]{1,80}")


@dataclass(frozen=True, slots=True)
class EmbedPlace:
    """Where a form stands, as an address says it: a partner's slug, and a tracking code."""

    partner: str = ""
    source: str = ""

    @classmethod
    def of(cls, partner: str, source: str) -> "EmbedPlace":
        """Whatever is no slug or no tracking code counts as not given: the supporter before the
        form did not write it, and can sign without it."""
        return cls(partner if _SLUG.fullmatch(partner) else "", source_or_none(source))

    @property
    def query(self) -> str:
        """The part of an address behind its path; empty where there is nothing to say."""
        given = {"partner": self.partner, "source": self.source}
        encoded = urlencode({name: value for name, value in given.items() if value})
        return f"?{encoded}" if encoded else ""


@dataclass(frozen=True, slots=True)
class Embed:
    """A petition as other sites show it. `origins` may, beside the service itself; `*` is all."""

    petition_view: PetitionView
    view: CampaignView
    partner: Partner | None
    origins: tuple[str, ...]


def of_petition(
    session: Session, slug: str, *, partner: str, elsewhere: tuple[str, ...], now: datetime
) -> Embed:
    """A public petition, or NotFound.

    A partner's form is shown by that partner's sites. Without a partner, or with one that the
    petition's organisation does not have, it is shown by `elsewhere`.
    """
    petition = petitions.public(session, slug)
    campaign = session.get_one(Campaign, petition.campaign_id)
    found = partner_of(session, petition.organisation_id, partner) if partner else None
    return Embed(
        petition_view=campaign_views.of_petition(session, petition, now=now),
        view=campaign_views.of_campaigns(session, [campaign], now=now)[0],
        partner=found,
        origins=_origins_of(found) if found else elsewhere,
    )


def partner_of(session: Session, organisation_id: UUID, slug: str) -> Partner | None:
    """An organisation's partner of that slug, if it has one."""
    try:
        return partners.own(session, slug, organisation_id=organisation_id)
    except NotFound:
        return None


def tracking_code(text: str) -> str:
    """A source, trimmed; Invalid where it is empty, too long or not fit for a line."""
    return texts.line(text, "source", longest=LONGEST_SOURCE)


def source_or_none(text: str) -> str:
    """As `tracking_code`; nothing where it may not be kept: whoever follows a link has not written
    it and cannot mend it."""
    try:
        return tracking_code(text)
    except Invalid:
        return ""


def _origins_of(partner: Partner) -> tuple[str, ...]:
    """They go into a header: what is no origin, however it came into the row, must not."""
    return tuple(origin for origin in partner.allowed_origins if is_origin(origin))
