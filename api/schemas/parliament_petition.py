"""Bodies of petitions in the format of petition.parliament.uk.

Fields that only Parliament's own petitions fill (moderation, thresholds, the government's response,
debates) are null or empty, but always present: tools expect them.
"""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import Field, PlainSerializer, WithJsonSchema

from api.schemas.fields import ForeignAnswer
from services.common import countries
from services.views.petition_lists import PetitionPlaces, PublicPetition

# Letters of the former Government Office Regions, which Parliament's site uses as codes.
REGIONS = {
    "North East": "A",
    "North West": "B",
    "Yorkshire and The Humber": "D",
    "East Midlands": "E",
    "West Midlands": "F",
    "East of England": "G",
    "London": "H",
    "South East": "J",
    "South West": "K",
    "Wales": "L",
    "Scotland": "M",
    "Northern Ireland": "N",
}
HOME = ("United Kingdom", countries.HOME)
# ISO 3166-1 leaves ZZ to its users. The service counts no single countries abroad.
ABROAD = ("Outside the United Kingdom", countries.ABROAD)


def _with_milliseconds(moment: datetime) -> str:
    """Returns a time such as `2026-07-01T12:00:00.000Z`."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


Moment = Annotated[
    datetime,
    PlainSerializer(_with_milliseconds, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


class SelfLink(ForeignAnswer):
    """The URL of this document."""

    self: str


class PageLinks(ForeignAnswer):
    """The URLs of the pages of the list. `next` and `prev` are null at its ends."""

    self: str
    first: str
    last: str
    next: str | None
    prev: str | None


class CountryCount(ForeignAnswer):
    """Signatures from the United Kingdom (`GB`), or from all other countries together (`ZZ`)."""

    name: str
    code: str
    signature_count: int


class SeatCount(ForeignAnswer):
    """Signatures from a constituency. `mp` is null while the seat is vacant."""

    name: str
    ons_code: str
    mp: str | None
    signature_count: int


class RegionCount(ForeignAnswer):
    """Signatures from a region. Its code is a letter from A to N, or null for other regions."""

    name: str
    ons_code: str | None
    signature_count: int


class ParliamentPetition(ForeignAnswer):
    """The attributes of a petition in a list."""

    action: str
    background: str
    additional_details: Literal[""] = ""
    committee_note: Literal[""] = ""
    state: Literal["open", "closed"]
    signature_count: int
    created_at: Moment
    updated_at: Moment
    rejected_at: None = None
    opened_at: Moment
    closed_at: Moment | None
    moderation_threshold_reached_at: None = None
    response_threshold_reached_at: None = None
    government_response_at: None = None
    debate_threshold_reached_at: None = None
    scheduled_debate_date: None = None
    debate_outcome_at: None = None
    creator_name: str | None
    rejection: None = None
    government_response: None = None
    debate: None = None
    departments: list[str] = Field(default_factory=list)
    topics: list[str] = Field(default_factory=list)


class ParliamentPetitionInWhole(ParliamentPetition):
    """The attributes of a petition, with its signatures by place."""

    signatures_by_country: list[CountryCount]
    signatures_by_constituency: list[SeatCount]
    signatures_by_region: list[RegionCount]
    other_parliamentary_business: list[str] = Field(default_factory=list)


class ListedPetition(ForeignAnswer):
    """A petition in a list. `id` is its number."""

    type: Literal["petition"] = "petition"
    id: int
    links: SelfLink
    attributes: ParliamentPetition


class PetitionList(ForeignAnswer):
    """A page of petitions."""

    links: PageLinks
    data: list[ListedPetition]


class PetitionInWhole(ForeignAnswer):
    """A petition with all attributes. `id` is its number."""

    type: Literal["petition"] = "petition"
    id: int
    attributes: ParliamentPetitionInWhole


class PetitionDocument(ForeignAnswer):
    """The document of one petition."""

    links: SelfLink
    data: PetitionInWhole


class SignatureCount(ForeignAnswer):
    """The number of confirmed signatures of a petition."""

    signature_count: int


class ParliamentConstituency(ForeignAnswer):
    """A constituency with its MP. `mp` and `party` are null while the seat is vacant."""

    mp: str | None
    party: str | None
    constituency: str
    ons_code: str


def listed(view: PublicPetition, link: str) -> ListedPetition:
    """Converts a petition for a list. `link` is the URL of its own document."""
    return ListedPetition(
        id=view.petition.number,
        links=SelfLink(self=link),
        attributes=ParliamentPetition.model_validate(_attributes(view)),
    )


def in_whole(view: PublicPetition, places: PetitionPlaces, link: str) -> PetitionDocument:
    """Converts a petition with its signatures by place. `link` is the URL of the document."""
    attributes = ParliamentPetitionInWhole(
        **_attributes(view),
        signatures_by_country=_by_country(places),
        signatures_by_constituency=[
            SeatCount(
                name=seat.constituency.name,
                ons_code=seat.constituency.code,
                mp=seat.member.name if seat.member else None,
                signature_count=count,
            )
            for seat, count in places.by_seat
        ],
        signatures_by_region=[
            RegionCount(name=name, ons_code=REGIONS.get(name), signature_count=count)
            for name, count in places.by_region.items()
        ],
    )
    data = PetitionInWhole(id=view.petition.number, attributes=attributes)
    return PetitionDocument(links=SelfLink(self=link), data=data)


def _attributes(view: PublicPetition) -> dict[str, object]:
    """`opened_at` is the time of creation: there is no moderation here, and drafts are few."""
    petition = view.petition
    return {
        "action": petition.action,
        "background": petition.background,
        "state": "open" if view.is_open else "closed",
        "signature_count": view.signature_count,
        "created_at": petition.created_at,
        "updated_at": petition.updated_at,
        "opened_at": petition.created_at,
        "closed_at": view.closed_at,
        "creator_name": view.organisation if view.is_open else None,
    }


def _by_country(places: PetitionPlaces) -> list[CountryCount]:
    counts = ((HOME, places.total - places.overseas), (ABROAD, places.overseas))
    return [
        CountryCount(name=name, code=code, signature_count=count)
        for (name, code), count in counts
        if count
    ]
