"""Bodies of the key's own organisation, of its privacy notice, and of pictures."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from api.schemas.fields import Answer, Request, rule
from models import Organisation, PrivacyNotice
from services.organisations import identity, notices
from services.organisations.brand_colours import checked as checked_colour
from services.pictures.cutting import CutFile
from services.pictures.pictures import address_of

Website = Annotated[str, rule(identity.website), Field(description="An http or https address")]
Number = Annotated[str, Field(description="As its register writes it")]
PostalAddress = Annotated[str, rule(identity.postal_address)]
ContactEmail = Annotated[
    str, rule(identity.contact_email), Field(description="Public: replies to emails go there")
]
BrandColour = Annotated[
    str,
    rule(checked_colour),
    Field(description="# and six hexadecimal digits, with enough contrast to white or black"),
]
NoticeText = Annotated[
    str,
    rule(notices.checked),
    Field(max_length=notices.LONGEST, description="Plain text, with empty lines between parts"),
]


class OrganisationChange(Request):
    """The fields to change. Others stay as they are, and `null` removes a field."""

    website: Website | None = None
    charity_number: Annotated[Number, rule(identity.charity_number)] | None = None
    company_number: Annotated[Number, rule(identity.company_number)] | None = None
    postal_address: PostalAddress | None = None
    contact_email: ContactEmail | None = None
    brand_colour: BrandColour | None = None


class NewNotice(Request):
    """The text of a new version of the privacy notice."""

    # Above the limit of `Request` for all texts.
    model_config = Request.model_config | {"str_max_length": notices.LONGEST}
    text: NoticeText


class NoticeAnswer(Answer):
    """A version of a privacy notice. `address` is the page that shows it."""

    version: int
    text: str
    published_at: datetime
    address: str


class OwnOrganisationAnswer(Answer):
    """The key's organisation.

    `logo` is the address of a file. `privacy_notice` is null where pages show the notice that the
    service writes.
    """

    slug: str
    name: str
    is_demonstration: bool
    website: str | None
    charity_number: str | None
    company_number: str | None
    postal_address: str | None
    contact_email: str | None
    brand_colour: str | None
    logo: str | None
    privacy_notice: NoticeAnswer | None


class PictureFileAnswer(Answer):
    """A picture in one size, in pixels. The content at an address never changes."""

    address: str
    media_type: str
    width: int
    height: int
    size: Annotated[int, Field(description="In bytes")]


class PictureAnswer(Answer):
    """A picture in the sizes that pages show, the smallest first."""

    alt: str
    credit: str
    files: list[PictureFileAnswer]


def organisation_answer(
    organisation: Organisation, *, logo: str | None, notice: PrivacyNotice | None, base_url: str
) -> OwnOrganisationAnswer:
    """Converts an organisation. `logo` is the digest of the file."""
    shown = set(OwnOrganisationAnswer.model_fields) - {"logo", "privacy_notice"}
    return OwnOrganisationAnswer(
        **organisation.model_dump(include=shown),
        logo=logo and base_url + address_of(logo),
        privacy_notice=notice and notice_answer(notice, organisation, base_url),
    )


def notice_answer(notice: PrivacyNotice, organisation: Organisation, base_url: str) -> NoticeAnswer:
    """Converts a version of a notice."""
    return NoticeAnswer(
        version=notice.version,
        text=notice.text,
        published_at=notice.published_at,
        address=f"{base_url}/privacy/{organisation.slug}?version={notice.version}",
    )


def picture_answer(
    files: tuple[CutFile, ...], *, alt: str = "", credit: str = "", base_url: str
) -> PictureAnswer:
    """Converts a picture that was just kept."""
    return PictureAnswer(
        alt=alt,
        credit=credit,
        files=[
            PictureFileAnswer(
                address=base_url + address_of(file.digest),
                media_type=file.media_type,
                width=file.width,
                height=file.height,
                size=len(file.content),
            )
            for file in files
        ],
    )
