"""Constituents' emails to their MPs, about a motion or without one."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.base import UtcDateTime, choice, new_id
from models.encryption import PrivateText


class LetterState(StrEnum):
    """The states of a letter, from the writer's form to the MP's inbox.

    `services/letters/letter_states.py` alone changes them.
    """

    PENDING = "pending"
    QUEUED = "queued"
    SENT = "sent"
    HELD = "held"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    UNCERTAIN = "uncertain"


class LetterAct(StrEnum):
    """What a letter asks. The member's standing and eligibility decide which acts are possible.

    Letters of a campaign without a motion have one of the last two, and no others have those.
    """

    ASK = "ask"
    THANK = "thank"
    MINISTER = "minister"
    ANOTHER_WAY = "another_way"
    WRITE_TO_MINISTER = "write_to_minister"
    RAISE_IN_GOVERNMENT = "raise_in_government"

    @property
    def is_about_motion(self) -> bool:
        """True for letters about a motion, False for those of a campaign that has none."""
        return self not in (LetterAct.WRITE_TO_MINISTER, LetterAct.RAISE_IN_GOVERNMENT)


class LetterVariant(SQLModel, table=True):
    """One kind of letter in a campaign: whom it is for, what it asks, and its words.

    A letter uses the first variant, by `position`, whose conditions the member meets.
    `services.letters.kinds.variants` defines the shape of `conditions` and `texts`.
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
    """What the writer says came back from their MP."""

    ANSWERED = "answered"
    ACKNOWLEDGED = "acknowledged"
    NOT_ANSWERED = "not_answered"


class Letter(SQLModel, table=True):
    """A letter. There is one per supporter, member and motion.

    `motion_id` is None if the campaign had no motion when it was written. Of such letters there is
    one per supporter, member and campaign.
    `reason` says why a letter is held or was rejected. `variant` names the kind of letter that it
    was drafted from. `bounced_at` is set where the relay accepted the letter and a bounce followed.
    `asked_at` is when we asked the writer whether the MP replied.
    """

    __table_args__ = (
        sa.UniqueConstraint("supporter_id", "member_id", "motion_id"),
        # The constraint above takes every NULL for another motion.
        sa.Index(
            "uq_letter_without_motion",
            "supporter_id",
            "member_id",
            "campaign_id",
            unique=True,
            sqlite_where=sa.text("motion_id IS NULL"),
            postgresql_where=sa.text("motion_id IS NULL"),
        ),
        sa.Index(
            "ix_letter_to_be_asked",
            "sent_at",
            sqlite_where=sa.text("state = 'sent' AND asked_at IS NULL"),
            postgresql_where=sa.text("state = 'sent' AND asked_at IS NULL"),
        ),
        # With the member and the motion, so that counts per member and day read the index alone.
        sa.Index(
            "ix_letter_campaign_id_state_sent_at_member_id_motion_id",
            "campaign_id",
            "state",
            "sent_at",
            "member_id",
            "motion_id",
        ),
        # For the newest letters of a campaign, and for those from one seat.
        sa.Index("ix_letter_campaign_id_id", "campaign_id", "id"),
        sa.Index(
            "ix_letter_campaign_id_constituency_code_state_sent_at",
            "campaign_id",
            "constituency_code",
            "state",
            "sent_at",
        ),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    campaign_id: UUID = Field(foreign_key="campaign.id")
    motion_id: int | None = Field(default=None, foreign_key="motion.id")
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


class LetterDraft(SQLModel, table=True):
    """What a signer has written of their letter so far, kept sealed until it is sent.

    `version` goes up by one with each save: a save names the version that it read, so that an old
    page never overwrites newer words. `services.letters.letter_drafts` defines the JSON in
    `content`, which never holds a street address.
    """

    __tablename__ = "letter_draft"
    __table_args__ = (sa.CheckConstraint("version > 0", name="version"),)

    signature_id: UUID = Field(foreign_key="signature.id", primary_key=True)
    version: int
    content: Any = Field(sa_type=PrivateText("letter_draft.content"))
    updated_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)


class LetterAnswer(SQLModel, table=True):
    """What the writer says came back. The member's own words are a `member_reply`."""

    __tablename__ = "letter_answer"

    letter_id: UUID = Field(foreign_key="letter.id", primary_key=True)
    outcome: LetterOutcome = Field(sa_type=choice(LetterOutcome, "outcome"))
    given_at: datetime = Field(sa_type=UtcDateTime)


class LetterTally(SQLModel, table=True):
    """Counts a campaign's letters about a motion per constituency.

    It changes in the transaction that changes a letter, as `petition_tally` does for signatures.
    `motion_id` is None for letters from when the campaign had no motion. A primary key takes no
    NULL, so `motion_key` is the same with 0 for none.
    """

    __tablename__ = "letter_tally"
    __table_args__ = (
        sa.CheckConstraint("sent >= 0 AND opened >= 0", name="not_negative"),
        sa.CheckConstraint("motion_key = COALESCE(motion_id, 0)", name="motion_key"),
    )

    campaign_id: UUID = Field(foreign_key="campaign.id", primary_key=True)
    motion_key: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    motion_id: int | None = Field(default=None, foreign_key="motion.id")
    constituency_code: str = Field(foreign_key="constituency.code", primary_key=True, max_length=9)
    sent: int = 0
    opened: int = 0


class LetterHour(SQLModel, table=True):
    """Counts a campaign's sent letters by the hour in which they went.

    It changes in the transaction that changes a letter. One that comes back leaves its hour.
    """

    __tablename__ = "letter_hour"
    __table_args__ = (sa.CheckConstraint("sent >= 0", name="not_negative"),)

    campaign_id: UUID = Field(foreign_key="campaign.id", primary_key=True)
    hour: datetime = Field(sa_type=UtcDateTime, primary_key=True)
    sent: int = 0


class LetterSketch(SQLModel, table=True):
    """Hashes of a letter's runs of words, with which later letters are compared.

    The hashes are keyed: nobody can look words up in them, and the text cannot be read back.
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
    """How many letters of a campaign are planned for one hour, or for one member on one day.

    With `member_id` 0 the row counts all members and `begins_at` is an hour; otherwise `begins_at`
    is the midnight in London at which the day begins. Planning reads these rows and counts no
    letters.
    """

    __tablename__ = "letter_pace"
    __table_args__ = (sa.CheckConstraint("reserved >= 0", name="not_negative"),)

    campaign_id: UUID = Field(foreign_key="campaign.id", primary_key=True)
    member_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    begins_at: datetime = Field(sa_type=UtcDateTime, primary_key=True)
    reserved: int
