"""Bodies of partners, and of counts of the signatures through them."""

from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from api.schemas.fields import Answer, Request, Slug, line, rule
from models import SignatureState
from services.common import urls
from services.organisations.partners import LONGEST_NAME

Name = Annotated[str, line(LONGEST_NAME)]
Website = Annotated[
    str, rule(urls.web_link), Field(description="An http or https address", max_length=500)
]
Origin = Annotated[
    str,
    rule(lambda text: urls.checked_origins([text], "origin")[0]),
    Field(description="https://host or https://host:port; http only on loopback"),
]
Origins = Annotated[list[Origin], Field(max_length=urls.MOST_ORIGINS)]


class NewPartner(Request):
    """A new partner. Its slug never changes: links and consents contain it."""

    slug: Slug
    name: Name
    website: Website | None = None
    allowed_origins: Origins = Field(default_factory=list)
    is_public: bool = False


class PartnerChange(Request):
    """The fields to change. Others stay as they are.

    `null` removes the website. `allowed_origins` replaces the whole list.
    """

    name: Name | None = None
    website: Website | None = None
    allowed_origins: Origins | None = None
    is_public: bool | None = None


class PartnerAnswer(Answer):
    """A partner of the key's organisation.

    `allowed_origins` are the sites that may show the form in a frame, in the partner's name. With
    `is_public`, each campaign of the organisation names the partner.
    """

    slug: str
    name: str
    website: str | None
    allowed_origins: list[str]
    is_public: bool
    created_at: datetime


class PublicPartner(Answer):
    """A public partner."""

    slug: str
    name: str
    website: str | None


class SourceCount(Answer):
    """Confirmed signatures with a tracking code, or without any where `source` is null."""

    source: str | None
    confirmed: int


class DayCount(Answer):
    """Confirmed signatures by the day of their confirmation (UTC)."""

    day: date
    confirmed: int


class PetitionSummary(Answer):
    """The counts of one petition.

    Signatures that are not confirmed are not counted: `pending` and `expired` are 0. It has the
    largest 50 sources, the total of the others, and those of the requested days that have
    signatures.
    """

    petition: str
    states: dict[SignatureState, int]
    sources: list[SourceCount]
    other_sources: int
    days: list[DayCount]


class PartnerSummaryAnswer(Answer):
    """The signatures that came through a partner, by petition."""

    partner: str
    name: str
    petitions: list[PetitionSummary]
