"""What the frame of every page of the desk shows, in one statement."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from models import Campaign, Organisation, Organiser, OrganiserSession, Picture, PictureFile
from services.accounts import sessions
from services.accounts.sessions import SignedIn
from services.campaigns import member_notes
from services.common import times
from services.organisations import faces
from services.organisations.faces import Face


@dataclass(frozen=True, slots=True)
class Frame:
    """Who is signed in, and for which organisation.

    `campaign` is that of the address if it is the organisation's, or else the one that was looked
    at last. `has_demonstration` is about the installation. `offices_to_ring` counts those of the
    campaign that somebody should ring back today.
    """

    signed_in: SignedIn
    organisation: Organisation
    face: Face
    campaign: Campaign | None
    has_demonstration: bool
    offices_to_ring: int


def of_token(session: Session, token: str, *, slug: str | None, now: datetime) -> Frame | None:
    """Returns the frame for whoever is signed in with this token, or None if nobody is.

    `slug` is that of a campaign in the address of the page.
    """
    values = sessions.values_of(token, now=now) | {"slug": slug, "today": times.today(now)}
    row = session.execute(_FRAME, values).first()
    found = sessions.of_row(row)
    if row is None or found is None or found.is_half:
        return None
    organisation, campaign, has_demonstration, offices_to_ring, *logo = row[3:]
    face = faces.of_row(organisation, *logo)
    return Frame(found, organisation, face, campaign, has_demonstration, offices_to_ring)


_other = aliased(Organisation)
_OF_ADDRESS = (
    sa.select(col(Campaign.id))
    .where(
        col(Campaign.slug) == sa.bindparam("slug", type_=sa.String()),
        col(Campaign.organisation_id) == Organiser.organisation_id,
    )
    .correlate(Organiser)
    .scalar_subquery()
)
_shown = aliased(Campaign)
_OFFICES_TO_RING = member_notes.count_due(_shown.id, sa.bindparam("today", type_=sa.Date()))
# Built once: building it costs more than running it.
_FRAME = (
    sessions.OF_TOKEN.add_columns(
        Organisation,
        _shown,
        sa.exists().where(col(_other.is_demonstration)),
        _OFFICES_TO_RING,
        col(PictureFile.digest),
        col(PictureFile.width),
        col(PictureFile.height),
    )
    .join(Organisation, col(Organisation.id) == Organiser.organisation_id)
    .outerjoin(Picture, faces.IS_LOGO)
    .outerjoin(PictureFile, col(PictureFile.picture_id) == Picture.id)
    .outerjoin(
        _shown, col(_shown.id) == sa.func.coalesce(_OF_ADDRESS, col(OrganiserSession.campaign_id))
    )
)
