"""Tags with which an organisation groups its supporters."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.base import UtcDateTime, new_id

LONGEST_NAME = 100


class Tag(SQLModel, table=True):
    """A tag of one organisation. It is no personal data until it is on a supporter: it is plain."""

    __table_args__ = (
        sa.UniqueConstraint("organisation_id", "name"),
        sa.CheckConstraint(f"length(name) BETWEEN 1 AND {LONGEST_NAME}", name="name"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    organisation_id: UUID = Field(foreign_key="organisation.id")
    name: str
    created_at: datetime = Field(sa_type=UtcDateTime)


class Tagging(SQLModel, table=True):
    """A tag on a supporter."""

    __table_args__ = (sa.UniqueConstraint("tag_id", "supporter_id"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    tag_id: UUID = Field(foreign_key="tag.id")
    supporter_id: UUID = Field(foreign_key="supporter.id", index=True)
    created_at: datetime = Field(sa_type=UtcDateTime)
