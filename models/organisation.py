"""Organisations with their public face, texts and pictures."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.base import UtcDateTime, choice, new_id

_LOGO = sa.text("campaign_id IS NULL")


class Organisation(SQLModel, table=True):
    """An organisation that campaigns. It sees only its own rows.

    Every page of a demonstration organisation says that it is one. `brand_colour` is `#` and six
    lower-case hex digits. `contact_email` is public: replies to its emails go there.
    """

    id: UUID = Field(default_factory=new_id, primary_key=True)
    slug: str = Field(unique=True)
    name: str
    is_demonstration: bool = False
    website: str | None = None
    charity_number: str | None = None
    company_number: str | None = None
    postal_address: str | None = None
    contact_email: str | None = None
    brand_colour: str | None = Field(default=None, max_length=7)
    created_at: datetime = Field(sa_type=UtcDateTime)


class PrivacyNotice(SQLModel, table=True):
    """One version of an organisation's privacy notice. Versions count from 1; the last one counts.

    Earlier ones are kept, because people signed under them.
    """

    __tablename__ = "privacy_notice"
    __table_args__ = (sa.CheckConstraint("version > 0", name="version"),)

    organisation_id: UUID = Field(foreign_key="organisation.id", primary_key=True)
    version: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    text: str
    published_at: datetime = Field(sa_type=UtcDateTime)


class InstallationTextName(StrEnum):
    """The texts that belong to the installation and not to an organisation."""

    ACCESSIBILITY = "accessibility"


class InstallationText(SQLModel, table=True):
    """A text that the operator has written, such as the accessibility statement."""

    __tablename__ = "installation_text"

    name: InstallationTextName = Field(
        primary_key=True, sa_type=choice(InstallationTextName, "name")
    )
    text: str
    updated_at: datetime = Field(sa_type=UtcDateTime)


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
