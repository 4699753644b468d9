"""The people whom an organisation knows, and what they agreed to."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.base import UtcDateTime, new_id
from models.encryption import PrivateText


class Supporter(SQLModel, table=True):
    """A person, known to one organisation by their email address.

    Name, postcode and constituency come with a confirmation. `questions_off_at` is set where they
    want no questions about letters and no notices. `mail_off_at` is set where they want no email at
    all: nothing can be confirmed from the address until they undo it. `changed_at` is when the
    organisation itself last changed these details or their tags, or the person turned emails on
    again.
    """

    __table_args__ = (sa.UniqueConstraint("organisation_id", "email_index"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    organisation_id: UUID = Field(foreign_key="organisation.id")
    email: Any = Field(sa_type=PrivateText("supporter.email"))
    email_index: bytes
    name: Any = Field(default=None, sa_type=PrivateText("supporter.name"), nullable=True)
    postcode: Any = Field(default=None, sa_type=PrivateText("supporter.postcode"), nullable=True)
    constituency_code: str | None = Field(default=None, max_length=9)
    locale: str = "en"
    created_at: datetime = Field(sa_type=UtcDateTime)
    questions_off_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    mail_off_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    changed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Wording(SQLModel, table=True):
    """The exact words that people agree to. A row never changes: a new text is a new row."""

    __table_args__ = (sa.UniqueConstraint("organisation_id", "kind", "locale", "text"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    organisation_id: UUID = Field(foreign_key="organisation.id")
    kind: str
    locale: str = "en"
    text: str
    created_at: datetime = Field(sa_type=UtcDateTime)


class Consent(SQLModel, table=True):
    """A supporter's answer to one wording. It takes effect when its signature or letter does."""

    id: UUID = Field(default_factory=new_id, primary_key=True)
    supporter_id: UUID = Field(foreign_key="supporter.id", index=True)
    wording_id: UUID = Field(foreign_key="wording.id")
    kind: str
    granted: bool
    given_at: datetime = Field(sa_type=UtcDateTime)
    effective_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    signature_id: UUID | None = Field(default=None, foreign_key="signature.id", index=True)
    letter_id: UUID | None = Field(default=None, foreign_key="letter.id", index=True)
