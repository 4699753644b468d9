"""Petitions and their counts of signatures."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.base import UtcDateTime, choice, new_id


class PetitionState(StrEnum):
    """Only an open petition takes signatures. Only its own organisation sees a draft."""

    DRAFT = "draft"
    OPEN = "open"
    CLOSED = "closed"


class Petition(SQLModel, table=True):
    """A text addressed to somebody, which the public signs. `number` is its public number.

    `goal` is set by hand; `services.campaigns.goals` says which one to show. `goal_reached_at` is
    when we noticed that its signatures had reached its present `goal`.
    """

    __table_args__ = (sa.CheckConstraint("goal IS NULL OR goal > 0", name="goal"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    number: int = Field(unique=True)
    organisation_id: UUID = Field(foreign_key="organisation.id")
    campaign_id: UUID = Field(foreign_key="campaign.id", index=True)
    slug: str = Field(unique=True)
    action: str
    background: str = ""
    addressed_to: str
    goal: int | None = None
    goal_reached_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    state: PetitionState = Field(default=PetitionState.OPEN, sa_type=choice(PetitionState, "state"))
    closes_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class PetitionTally(SQLModel, table=True):
    """Counts a petition's confirmed signatures in a constituency, or in 'unknown' or 'overseas'.

    It changes in the transaction that changes a signature's state, so reading it never scans
    signatures.
    """

    __tablename__ = "petition_tally"
    __table_args__ = (sa.CheckConstraint("confirmed >= 0", name="not_negative"),)

    petition_id: UUID = Field(foreign_key="petition.id", primary_key=True)
    constituency_code: str = Field(primary_key=True, max_length=9)
    confirmed: int


class PetitionHour(SQLModel, table=True):
    """The change in a petition's confirmed signatures within an hour (UTC).

    It changes with `petition_tally`, so that the history of millions is read from a few rows.
    """

    __tablename__ = "petition_hour"

    petition_id: UUID = Field(foreign_key="petition.id", primary_key=True)
    hour: datetime = Field(sa_type=UtcDateTime, primary_key=True)
    change: int
