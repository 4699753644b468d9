"""The face of an organisation: what the head and the foot of its pages show."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import Select

from models import Campaign, Organisation, Picture, PictureFile

LOGO_HEIGHT = 36
IS_LOGO = sa.and_(
    col(Picture.organisation_id) == Organisation.id, col(Picture.campaign_id).is_(None)
)
"""SQL condition on a picture, of which there is one in one width."""


@dataclass(frozen=True, slots=True)
class Face:
    """An organisation as its pages show it. `logo` is the digest of a file, `brand_colour` checked.

    `logo_width` is the width of a logo that is shown `LOGO_HEIGHT` pixels high: with it, nothing
    moves when the logo has loaded. `registration` reads 'registered charity 1234567 and company
    7654321', or is empty.
    """

    slug: str
    name: str
    is_demonstration: bool
    website: str | None
    brand_colour: str | None
    registration: str
    postal_address: str | None
    contact_email: str | None
    logo: str | None
    logo_width: int | None = None


def of_organisation(session: Session, organisation: Organisation) -> Face:
    """Returns the face of one organisation, in one statement."""
    return _face(organisation, _logos(session, [organisation.id]).get(organisation.id))


def of_campaign(session: Session, campaign: Campaign) -> Face:
    """Returns the face of the organisation that runs a campaign, in one statement."""
    statement = _with_logo().where(Organisation.id == campaign.organisation_id)
    return of_row(*session.exec(statement).one())


def of_only_organisation(session: Session) -> Face | None:
    """Returns the face of the only organisation; None where there are several, or none."""
    rows = session.exec(_with_logo().limit(2)).all()
    return of_row(*rows[0]) if len(rows) == 1 else None


def of_organisations(session: Session, organisations: Collection[Organisation]) -> dict[UUID, Face]:
    """Returns the faces of several organisations by their ids, in one statement."""
    logos = _logos(session, [organisation.id for organisation in organisations])
    return {
        organisation.id: _face(organisation, logos.get(organisation.id))
        for organisation in organisations
    }


def of_row(
    organisation: Organisation, digest: str | None, width: int | None, height: int | None
) -> Face:
    """Returns the face of an organisation whose logo a statement found by `IS_LOGO`, if any."""
    if digest is None or width is None or height is None:
        return _face(organisation, None)
    return _face(organisation, _logo(digest, width, height))


def _with_logo() -> Select[Organisation, str, int, int]:
    """Selects organisations with the digest, width and height of their logo."""
    return (
        select(Organisation, PictureFile.digest, PictureFile.width, PictureFile.height)
        .outerjoin(Picture, IS_LOGO)
        .outerjoin(PictureFile, col(PictureFile.picture_id) == Picture.id)
    )


def _face(organisation: Organisation, logo: tuple[str, int] | None) -> Face:
    return Face(
        slug=organisation.slug,
        name=organisation.name,
        is_demonstration=organisation.is_demonstration,
        website=organisation.website,
        brand_colour=organisation.brand_colour,
        registration=_registration(organisation),
        postal_address=organisation.postal_address,
        contact_email=organisation.contact_email,
        logo=logo[0] if logo else None,
        logo_width=logo[1] if logo else None,
    )


def _registration(organisation: Organisation) -> str:
    numbers = []
    if organisation.charity_number:
        numbers.append(f"charity {organisation.charity_number}")
    if organisation.company_number:
        numbers.append(f"company {organisation.company_number}")
    return f"registered {' and '.join(numbers)}" if numbers else ""


def _logos(session: Session, organisation_ids: Collection[UUID]) -> dict[UUID, tuple[str, int]]:
    """Returns the digests and shown widths of the logos by organisation."""
    statement = (
        select(Picture.organisation_id, PictureFile.digest, PictureFile.width, PictureFile.height)
        .join(PictureFile, col(PictureFile.picture_id) == Picture.id)
        .where(
            col(Picture.organisation_id).in_(organisation_ids), col(Picture.campaign_id).is_(None)
        )
    )
    return {
        owner: _logo(digest, width, height)
        for owner, digest, width, height in session.exec(statement)
    }


def _logo(digest: str, width: int, height: int) -> tuple[str, int]:
    """Returns the digest, and the width at which it is shown."""
    return digest, max(1, round(width * LOGO_HEIGHT / height))
