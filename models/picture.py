"""Pictures: an organisation's logo and a campaign's picture, cut to the widths that pages show."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.base import UtcDateTime, new_id

_LOGO = sa.text("campaign_id IS NULL")


class Picture(SQLModel, table=True):
    """The picture of a campaign or, without a campaign, the logo of an organisation.

    `alt` says in words what it shows. It is empty for a logo: the name stands beside it.
    """

    __table_args__ = (
        sa.UniqueConstraint("campaign_id"),
        sa.Index(
            "uq_picture_logo",
            "organisation_id",
            unique=True,
            sqlite_where=_LOGO,
            postgresql_where=_LOGO,
        ),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    organisation_id: UUID = Field(foreign_key="organisation.id")
    campaign_id: UUID | None = Field(default=None, foreign_key="campaign.id")
    alt: str = ""
    credit: str = ""
    uploaded_at: datetime = Field(sa_type=UtcDateTime)


class PictureFile(SQLModel, table=True):
    """A picture in one width (pixels), as a WebP or PNG file without metadata.

    `digest` is the SHA-256 of `content` in hex: the name under which the file is served.
    """

    __tablename__ = "picture_file"
    __table_args__ = (sa.CheckConstraint("width > 0 AND height > 0", name="size"),)

    picture_id: UUID = Field(foreign_key="picture.id", primary_key=True)
    width: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    height: int
    media_type: str = Field(max_length=20)
    digest: str = Field(max_length=64, index=True)
    content: bytes
