"""The record of what was done with accounts, as owners read it in the browser.

Every rule that changes an account notes it in its own transaction. A row outlives the account.
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import Session, col, delete, select

from models import AccountEvent, AccountEventKind, Organiser, Private

KEPT = timedelta(days=365)
DEVICE_LENGTH = 60


def note(
    session: Session,
    kind: AccountEventKind,
    *,
    organisation_id: UUID,
    now: datetime,
    organiser: Organiser | None = None,
    about: str | None = None,
    device: str = "",
    detail: str = "",
) -> AccountEvent:
    """Add a line to the record of an organisation, and return it.

    `organiser` is who did it, or None for somebody at the server. `about` is the email address
    of the account that it was done to, where that is another one.
    """
    event = AccountEvent(
        organisation_id=organisation_id,
        organiser_id=organiser.id if organiser else None,
        kind=kind,
        actor=organiser.email if organiser else None,
        about=Private(organisation_id, about) if about else None,
        device=device[:DEVICE_LENGTH],
        detail=detail,
        at=now,
    )
    session.add(event)
    return event


def of_organisation(
    session: Session, organisation_id: UUID, *, limit: int, after: int = 0
) -> list[AccountEvent]:
    """Returns lines of an organisation's record, newest first: those after the first `after`."""
    statement = select(AccountEvent).where(AccountEvent.organisation_id == organisation_id)
    newest = statement.order_by(col(AccountEvent.at).desc(), col(AccountEvent.id).desc())
    return list(session.exec(newest.offset(after).limit(limit)))


def of_organiser(session: Session, organiser_id: UUID, *, limit: int) -> list[AccountEvent]:
    """Returns the latest lines about what one organiser did, newest first."""
    statement = select(AccountEvent).where(AccountEvent.organiser_id == organiser_id)
    newest = statement.order_by(col(AccountEvent.at).desc(), col(AccountEvent.id).desc())
    return list(session.exec(newest.limit(limit)))


def forget_old(session: Session, *, now: datetime) -> None:
    """Delete the lines that are older than a year."""
    session.exec(delete(AccountEvent).where(col(AccountEvent.at) < now - KEPT))
