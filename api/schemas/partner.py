"""Partners, and what came through them."""

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
    """A partner to be added. Its slug never changes: links and consents carry it."""

    slug: Slug
    name: Name
    website: Website | None = None
    allowed_origins: Origins = Field(default_factory=list)
    is_public: bool = False


class PartnerChange(Request):
    """What is to change; what is left out stays. `null` takes the website away, and
    `allowed_origins` take the place of all that there were."""

    name: Name | None = None
    website: Website | None = None
    allowed_origins: Origins | None = None
    is_public: bool | None = None


class PartnerAnswer(Answer):
    """A partner of the key's own organisation. `allowed_origins` are the sites that may show our
    form as theirs; one that `is_public` is named with each of the organisation's campaigns."""

    slug: str
    name: str
    website: str | None
    allowed_origins: list[str]
    is_public: bool
    created_at: datetime


class PublicPartner(Answer):
    """A partner that the public may see."""

    slug: str
    name: str
    website: str | None


class SourceCount(Answer):
    """Confirmed signatures with one tracking code; `null` is of those without any."""

    source: str | None
    confirmed: int


class DayCount(Answer):
    """Confirmed signatures by the day (UTC) of their confirmation."""

    day: date
    confirmed: int


class PetitionSummary(Answer):
    """Of one petition: the largest 50 sources, the sum of the others, and the days asked for on
    which there were any."""

    petition: str
    states: dict[SignatureState, int]
    sources: list[SourceCount]
    other_sources: int
    days: list[DayCount]


class PartnerSummaryAnswer(Answer):
    """What came through a partner, by petition."""

    partner: str
    name: str
    petitions: list[PetitionSummary]
