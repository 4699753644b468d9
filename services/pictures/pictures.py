"""The pictures that pages show."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import Picture, PictureFile
from models.base import table_of

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


def shown(session: Session, campaign_id: UUID) -> ShownPicture | None:
    """Returns the picture of a campaign."""
    return shown_of_campaigns(session, [campaign_id]).get(campaign_id)


def shown_of_campaigns(
    session: Session, campaign_ids: Collection[UUID]
) -> dict[UUID, ShownPicture]:
    """Returns the pictures of those campaigns that have one, in one statement."""
    statement = (
        sa.select(
            _picture.c.campaign_id,
            _picture.c.alt,
            _picture.c.credit,
            _file.c.digest,
            _file.c.width,
            _file.c.height,
        )
        .join(_file, _file.c.picture_id == _picture.c.id)
        .where(_picture.c.campaign_id.in_(list(campaign_ids)))
        .order_by(_file.c.width)
    )
    files: defaultdict[UUID, list[Any]] = defaultdict(list)
    for row in session.connection().execute(statement):
        files[row.campaign_id].append(row)
    return {campaign_id: _shown(rows) for campaign_id, rows in files.items()}


def _shown(rows: list[Any]) -> ShownPicture:
    largest = rows[-1]
    return ShownPicture(
        address=f"/pictures/{largest.digest}",
        srcset=", ".join(f"/pictures/{row.digest} {row.width}w" for row in rows),
        width=largest.width,
        height=largest.height,
        alt=largest.alt,
        credit=largest.credit,
    )
