"""Rows of an organiser's account, one of each kind."""

from datetime import datetime
from typing import Any

from sqlmodel import Session, select

from models import (
    AccountEvent,
    AccountEventKind,
    Invitation,
    KnownDevice,
    Organiser,
    OrganiserSession,
    Postponement,
    Private,
    RecoveryCode,
    Role,
    SecondStep,
)


def add_one_of_each(session: Session, now: datetime) -> None:
    """Adds all that an account has: a session, a second step, an invitation and a record."""
    organiser = session.exec(select(Organiser)).first()
    assert organiser is not None
    owner = organiser.organisation_id
    mine: dict[str, Any] = {"organiser_id": organiser.id}
    email = Private(owner, "new@example.org")
    invitation = Invitation(
        organisation_id=owner,
        email=email,
        email_index=b"index",
        role=Role.EDITOR,
        invited_by=organiser.id,
        created_at=now,
        expires_at=now,
    )
    event = AccountEvent(
        organisation_id=owner, kind=AccountEventKind.INVITED, actor=email, about=email, at=now
    )
    session.add_all(
        [
            OrganiserSession(
                token_hash=b"1", device="Firefox", created_at=now, seen_at=now, **mine
            ),
            KnownDevice(token_hash=b"2", seen_at=now, **mine),
            SecondStep(secret=Private(owner, "SECRET"), created_at=now, **mine),
            RecoveryCode(code_index=b"3", **mine),
            Postponement(task="draft", subject_id=organiser.id, until=now, **mine),
            invitation,
            event,
        ]
    )
