"""Partners: organisations whose sites send signatures."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.base import UtcDateTime, new_id


class Partner(SQLModel, table=True):
    """An organisation whose site sends signatures to one of our campaigns.

    `allowed_origins` are the sites that may embed our form, such as `https://example.org`. A
    partner that `is_public` is named with every campaign of its organisation.
    """

    __table_args__ = (sa.UniqueConstraint("organisation_id", "slug"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    organisation_id: UUID = Field(foreign_key="organisation.id")
    slug: str
    name: str
    website: str | None = None
    allowed_origins: list[str] = Field(
        default_factory=list, sa_column=sa.Column(sa.JSON, nullable=False, server_default="[]")
    )
    is_public: bool = False
    created_at: datetime = Field(sa_type=UtcDateTime)
