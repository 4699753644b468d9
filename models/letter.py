"""A constituent's e-mail to their MP about a motion."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.base import UtcDateTime, choice, new_id
from models.encryption import PrivateText


class LetterState(StrEnum):
    """From the writer's form to the MP's office."""

    PENDING = "pending"
    QUEUED = "queued"
    SENT = "sent"
    HELD = "held"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    UNCERTAIN = "uncertain"


class LetterAct(StrEnum):
    """What a letter asks of a member; which ones are open follows from standing and eligibility."""

    ASK = "ask"
    THANK = "thank"
    MINISTER = "minister"
    ANOTHER_WAY = "another_way"


class LetterVariant(SQLModel, table=True):
    """One kind of letter of a campaign: for whom, what it asks, and its words.

    They are tried in the order of `position`; the first whose conditions hold is taken. Of
    `conditions` and `texts`, `services.letters.kinds.variants` knows the form.
    """

    __tablename__ = "letter_variant"
    __table_args__ = (
        sa.UniqueConstraint("campaign_id", "position"),
        sa.UniqueConstraint("campaign_id", "name"),
        sa.CheckConstraint("position >= 0", name="position"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    campaign_id: UUID = Field(foreign_key="campaign.id")
    position: int
    name: str = Field(max_length=40)
    act: LetterAct = Field(sa_type=choice(LetterAct, "act"))
    conditions: dict[str, Any] = Field(default_factory=dict, sa_type=sa.JSON)
    texts: dict[str, Any] = Field(default_factory=dict, sa_type=sa.JSON)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class LetterOutcome(StrEnum):
    """What came back from the MP's office, as the writer says."""

    ANSWERED = "answered"
    ACKNOWLEDGED = "acknowledged"
    NOT_ANSWERED = "not_answered"


class Letter(SQLModel, table=True):
    """One letter per supporter, member and motion. `reason` says why one is held or was refused.

    `variant` is the name of the kind of letter that it was drafted from. A refused one with
    `bounced_at` had been taken by the relay first. `asked_at`: when its writer was asked what
    came back.
    """

    __table_args__ = (
        sa.UniqueConstraint("supporter_id", "member_id", "motion_id"),
        sa.Index(
            "ix_letter_to_be_asked",
            "sent_at",
            sqlite_where=sa.text("state = 'sent' AND asked_at IS NULL"),
            postgresql_where=sa.text("state = 'sent' AND asked_at IS NULL"),
        ),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    campaign_id: UUID = Field(foreign_key="campaign.id", index=True)
    motion_id: int = Field(foreign_key="motion.id")
    member_id: int = Field(foreign_key="member.id")
    supporter_id: UUID = Field(foreign_key="supporter.id")
    constituency_code: str = Field(foreign_key="constituency.code", max_length=9)
    state: LetterState = Field(default=LetterState.PENDING, sa_type=choice(LetterState, "state"))
    # Its CHECK was named before the column was, and SQLite cannot rename one.
    act: LetterAct = Field(sa_type=choice(LetterAct, "variant"))
    variant: str = Field(max_length=40)
    locale: str = Field(default="en", max_length=5)
    name: Any = Field(sa_type=PrivateText("letter.name"))
    address: Any = Field(sa_type=PrivateText("letter.address"))
    subject: Any = Field(sa_type=PrivateText("letter.subject"))
    body: Any = Field(sa_type=PrivateText("letter.body"))
    reason: str | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)
    confirmed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    bounced_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    asked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    wants_copy: bool = False


class LetterAnswer(SQLModel, table=True):
    """What the writer of a letter says came back. What the member said is a `member_reply`."""

    __tablename__ = "letter_answer"

    letter_id: UUID = Field(foreign_key="letter.id", primary_key=True)
    outcome: LetterOutcome = Field(sa_type=choice(LetterOutcome, "outcome"))
    given_at: datetime = Field(sa_type=UtcDateTime)


class LetterTally(SQLModel, table=True):
    """Letters of a campaign about a motion, per constituency, kept as `petition_tally` is."""

    __tablename__ = "letter_tally"
    __table_args__ = (sa.CheckConstraint("sent >= 0 AND opened >= 0", name="not_negative"),)

    campaign_id: UUID = Field(foreign_key="campaign.id", primary_key=True)
    motion_id: int = Field(foreign_key="motion.id", primary_key=True)
    constituency_code: str = Field(foreign_key="constituency.code", primary_key=True, max_length=9)
    sent: int = 0
    opened: int = 0


class LetterSketch(SQLModel, table=True):
    """What is kept of a letter's text to compare later ones with: hashes of its runs of words.

    The hashes are keyed, so that nobody can look words up in them; the text cannot be read.
    """

    __tablename__ = "letter_sketch"
    __table_args__ = (
        sa.Index("ix_letter_sketch_campaign_id_member_id", "campaign_id", "member_id"),
    )

    letter_id: UUID = Field(foreign_key="letter.id", primary_key=True)
    campaign_id: UUID = Field(foreign_key="campaign.id")
    member_id: int = Field(foreign_key="member.id")
    hashes: bytes
    made_at: datetime = Field(sa_type=UtcDateTime)


class LetterPace(SQLModel, table=True):
    """How many letters of a campaign are to go in an hour, or to one member on a day.

    `member_id` is 0 where all members are meant: then `begins_at` is an hour, and otherwise the
    midnight in London at which a day begins. A place is found
    here without counting letters.
    """

    __tablename__ = "letter_pace"
    __table_args__ = (sa.CheckConstraint("reserved >= 0", name="not_negative"),)

    campaign_id: UUID = Field(foreign_key="campaign.id", primary_key=True)
    member_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    begins_at: datetime = Field(sa_type=UtcDateTime, primary_key=True)
    reserved: int
