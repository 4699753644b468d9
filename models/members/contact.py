"""How to reach a member's offices, as Parliament's directory publishes it."""

from datetime import date
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.base import choice


class ContactPlace(StrEnum):
    """Where an office of a member is."""

    WESTMINSTER = "westminster"
    CONSTITUENCY = "constituency"


class MemberContact(SQLModel, table=True):
    """The public telephone number and email address of one office of a member.

    `read_on` is the day on which Parliament's directory gave them. Nothing else is stored here: no
    private numbers and no addresses from other sources.
    """

    __tablename__ = "member_contact"
    __table_args__ = (
        sa.CheckConstraint("telephone IS NOT NULL OR email IS NOT NULL", name="not_empty"),
    )

    member_id: int = Field(foreign_key="member.id", primary_key=True)
    place: ContactPlace = Field(sa_type=choice(ContactPlace, "place"), primary_key=True)
    telephone: str | None = Field(default=None, max_length=40)
    email: str | None = Field(default=None, max_length=254)
    read_on: date
