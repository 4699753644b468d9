"""Keeps pictures of campaigns and logos of organisations, and finds what pages show."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import Campaign, Organisation, Picture, PictureFile
from models.base import table_of
from services.common import texts
from services.errors import Invalid, NotFound
from services.pictures.cutting import WIDTHS, CutFile

LONGEST_ALT, LONGEST_CREDIT = 300, 200
SHOWN_FIRST = WIDTHS[1]
"""The width (pixels) that browsers load which know no `srcset`."""

_picture, _file = table_of(Picture), table_of(PictureFile)


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """A picture as a page shows it. `address` and `srcset` are paths, below `/pictures/`.

    `width` and `height` are those of the file at `address`, in pixels.
    """

    address: str
    srcset: str
    width: int
    height: int
    alt: str
    credit: str


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file as it is served."""

    media_type: str
    content: bytes


def checked_alt(text: str) -> str:
    """Returns the words for people who don't see a picture. Raises Invalid if there are none."""
    try:
        return texts.line(text, "alt", longest=LONGEST_ALT)
    except Invalid as error:
        if error.code != "too_short":
            raise
        message = "Say in a sentence what the picture shows, for people who don’t see it."
        raise Invalid.field("alt", "alt_missing", message) from error


def checked_credit(text: str) -> str:
    """Returns who made a picture, as shown below it; it may be empty."""
    return texts.line(text, "credit", longest=LONGEST_CREDIT, shortest=0)


def keep_for_campaign(
    session: Session,
    campaign: Campaign,
    files: Sequence[CutFile],
    *,
    alt: str,
    credit: str,
    now: datetime,
) -> Picture:
    """Makes this the picture of a campaign, in place of an earlier one.

    :raises Invalid: `alt` or `credit` is wrong
    """
    picture = Picture(
        organisation_id=campaign.organisation_id,
        campaign_id=campaign.id,
        alt=checked_alt(alt),
        credit=checked_credit(credit),
        uploaded_at=now,
    )
    _lock(session, Campaign, campaign.id)
    _delete(session, _of_campaign(campaign.id))
    campaign.updated_at = now
    session.add(campaign)
    return _keep(session, picture, files)


def describe(session: Session, campaign: Campaign, *, alt: str, credit: str, now: datetime) -> None:
    """Changes the words of a campaign's picture.

    :raises Invalid: `alt` or `credit` is wrong
    :raises NotFound: it has no picture
    """
    values = {"alt": checked_alt(alt), "credit": checked_credit(credit)}
    _lock(session, Campaign, campaign.id)
    changed = sa.update(_picture).where(_of_campaign(campaign.id)).values(**values)
    if not session.connection().execute(changed).rowcount:
        raise NotFound("picture_unknown", "This campaign has no picture any more.")
    campaign.updated_at = now
    session.add(campaign)
    session.flush()


def keep_logo(
    session: Session, organisation: Organisation, files: Sequence[CutFile], *, now: datetime
) -> Picture:
    """Makes this the logo of an organisation, in place of an earlier one."""
    _lock(session, Organisation, organisation.id)
    _delete(session, _is_logo([organisation.id]))
    return _keep(session, Picture(organisation_id=organisation.id, uploaded_at=now), files)


def remove_from_campaign(session: Session, campaign: Campaign, *, now: datetime) -> None:
    """Deletes the picture of a campaign, if it has one."""
    _lock(session, Campaign, campaign.id)
    _delete(session, _of_campaign(campaign.id))
    campaign.updated_at = now
    session.add(campaign)
    session.flush()


def remove_logo(session: Session, organisation: Organisation) -> None:
    """Deletes the logo of an organisation, if it has one."""
    _lock(session, Organisation, organisation.id)
    _delete(session, _is_logo([organisation.id]))


def shown(session: Session, campaign_id: UUID) -> ShownPicture | None:
    """Returns the picture of a campaign."""
    return shown_of_campaigns(session, [campaign_id]).get(campaign_id)


def shown_of_campaigns(
    session: Session, campaign_ids: Collection[UUID]
) -> dict[UUID, ShownPicture]:
    """Returns the pictures of several campaigns by their ids, in one statement."""
    statement = (
        select(Picture, PictureFile.width, PictureFile.height, PictureFile.digest)
        .join(PictureFile, col(PictureFile.picture_id) == Picture.id)
        .where(col(Picture.campaign_id).in_(campaign_ids))
        .order_by(col(Picture.id), col(PictureFile.width))
    )
    files: dict[UUID, list[tuple[int, int, str]]] = {}
    found: dict[UUID, Picture] = {}
    for picture, width, height, digest in session.exec(statement):
        if picture.campaign_id is not None:
            found[picture.campaign_id] = picture
            files.setdefault(picture.campaign_id, []).append((width, height, digest))
    return {each: _shown(picture, files[each]) for each, picture in found.items()}


def logo(session: Session, organisation_id: UUID) -> str | None:
    """Returns the digest of an organisation's logo."""
    statement = (
        select(PictureFile.digest)
        .join(Picture, col(Picture.id) == PictureFile.picture_id)
        .where(_is_logo([organisation_id]))
    )
    return session.exec(statement).first()


def file(session: Session, digest: str) -> StoredFile:
    """Returns a file by the hex digits of its SHA-256; raises NotFound."""
    statement = select(PictureFile.media_type, PictureFile.content).where(
        PictureFile.digest == digest
    )
    found = session.exec(statement).first()
    if found is None:
        raise NotFound("picture_unknown", "There is no such picture.")
    return StoredFile(*found)


def _shown(picture: Picture, files: list[tuple[int, int, str]]) -> ShownPicture:
    width, height, digest = next((file for file in files if file[0] == SHOWN_FIRST), files[-1])
    return ShownPicture(
        address=address_of(digest),
        srcset=", ".join(f"{address_of(file[2])} {file[0]}w" for file in files),
        width=width,
        height=height,
        alt=picture.alt,
        credit=picture.credit,
    )


def address_of(digest: str) -> str:
    """Returns the path at which a file is served."""
    return f"/pictures/{digest}"


def _keep(session: Session, picture: Picture, files: Sequence[CutFile]) -> Picture:
    session.add(picture)
    session.flush()
    session.add_all(
        PictureFile(
            picture_id=picture.id,
            width=file.width,
            height=file.height,
            media_type=file.media_type,
            digest=file.digest,
            content=file.content,
        )
        for file in files
    )
    session.flush()
    return picture


def _delete(session: Session, which: sa.ColumnElement[bool]) -> None:
    ids = sa.select(_picture.c.id).where(which)
    connection = session.connection()
    connection.execute(sa.delete(_file).where(_file.c.picture_id.in_(ids)))
    connection.execute(sa.delete(_picture).where(which))


def _lock(session: Session, table: type[Campaign | Organisation], row_id: UUID) -> None:
    """Waits for another upload for the same row: two at once would both delete, and both insert."""
    statement = select(table.id).where(col(table.id) == row_id)
    session.exec(statement.with_for_update(key_share=True)).one()


def _of_campaign(campaign_id: UUID) -> sa.ColumnElement[bool]:
    return _picture.c.campaign_id == campaign_id


def _is_logo(organisation_ids: Collection[UUID]) -> sa.ColumnElement[bool]:
    return sa.and_(
        _picture.c.organisation_id.in_(organisation_ids), _picture.c.campaign_id.is_(None)
    )
