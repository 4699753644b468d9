"""What organisers did with accounts, and the tasks that they put off."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.base import UtcDateTime, choice, new_id
from models.encryption import PrivateText


class AccountEventKind(StrEnum):
    """What happened to an account, or to data that only owners may take."""

    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGNED_OUT = "signed_out"
    SESSION_ENDED = "session_ended"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a name
    PASSWORD_RESET = "password_reset"  # noqa: S105 - a name
    SECOND_STEP_ADDED = "second_step_added"
    SECOND_STEP_RESET = "second_step_reset"
    RECOVERY_CODES_MADE = "recovery_codes_made"
    RECOVERY_CODE_USED = "recovery_code_used"
    INVITED = "invited"
    INVITATION_ENDED = "invitation_ended"
    JOINED = "joined"
    ROLE_CHANGED = "role_changed"
    REMOVED = "removed"
    DOWNLOADED = "downloaded"
    LOOKED_UP = "looked_up"


class AccountEvent(SQLModel, table=True):
    """One line of the record. `actor` and `about` are email addresses as they were then.

    They are texts rather than references, because the record outlives an account. `detail` is what
    changed, such as a role or the reason of a download.
    """

    __tablename__ = "account_event"
    __table_args__ = (sa.Index("ix_account_event_organisation_id_at", "organisation_id", "at"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    organisation_id: UUID = Field(foreign_key="organisation.id")
    organiser_id: UUID | None = Field(default=None, index=True)
    kind: AccountEventKind = Field(sa_type=choice(AccountEventKind, "kind"))
    actor: Any = Field(default=None, sa_type=PrivateText("account_event.actor"), nullable=True)
    about: Any = Field(default=None, sa_type=PrivateText("account_event.about"), nullable=True)
    device: str = Field(default="", max_length=60)
    detail: str = ""
    at: datetime = Field(sa_type=UtcDateTime, index=True)


class Postponement(SQLModel, table=True):
    """A task of the desk's home page that an organiser put off until a day begins ('Not today').

    `subject_id` is the row that the task is about.
    """

    __tablename__ = "desk_postponement"

    organiser_id: UUID = Field(foreign_key="organiser.id", ondelete="CASCADE", primary_key=True)
    task: str = Field(primary_key=True, max_length=40)
    subject_id: UUID = Field(primary_key=True)
    until: datetime = Field(sa_type=UtcDateTime)
