"""Organisations, and the organisers who run their campaigns."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Field, SQLModel

from models.base import UtcDateTime, new_id
from models.encryption import PrivateText


class Organisation(SQLModel, table=True):
    """An organisation that campaigns. It sees only its own rows.

    Every page of a demonstration organisation says that it is one.
    """

    id: UUID = Field(default_factory=new_id, primary_key=True)
    slug: str = Field(unique=True)
    name: str
    is_demonstration: bool = False
    created_at: datetime = Field(sa_type=UtcDateTime)


class Organiser(SQLModel, table=True):
    """A person who runs campaigns for an organisation, and signs in with a password."""

    id: UUID = Field(default_factory=new_id, primary_key=True)
    organisation_id: UUID = Field(foreign_key="organisation.id", index=True)
    email: Any = Field(sa_type=PrivateText("organiser.email"))
    email_index: bytes = Field(unique=True)
    password_hash: str
    created_at: datetime = Field(sa_type=UtcDateTime)
