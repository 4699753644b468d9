"""Invitations: an owner names an address and a role, and the person chooses a password.

An invitation is a row, which the link in the email names. The row is deleted in the transaction
that makes the account, so that the link works once. Nothing here looks up whether the address has
an account already: whoever invites gets the same answer, after the same work, for all addresses.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, delete, select

from models import (
    AccountEvent,
    AccountEventKind,
    Invitation,
    Keyring,
    MessageKind,
    Organisation,
    Organiser,
    Private,
    Role,
)
from services.accounts import record
from services.common import texts
from services.errors import Conflict, Gone, Limited, NotFound
from services.mail import outbox, recipients
from services.mail.outbox import NewMessage
from services.organisations import organisations, organisers

LIFETIME = timedelta(days=7)
A_DAY = 20
"""How many emails with an invitation an organisation can send in 24 hours."""
KEPT_FOR = timedelta(days=30)
"""How long an invitation that has expired stays in the list."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class OpenInvitation:
    """An invitation that can be used, with its organisation."""

    invitation: Invitation
    organisation: Organisation


def of_organisation(session: Session, organisation_id: UUID) -> list[Invitation]:
    """Returns the invitations that wait or have expired, the newest first."""
    statement = select(Invitation).where(Invitation.organisation_id == organisation_id)
    newest = statement.order_by(col(Invitation.created_at).desc(), col(Invitation.id).desc())
    return list(session.exec(newest))


def own(session: Session, invitation_id: UUID, *, organisation_id: UUID) -> Invitation:
    """Returns an invitation of this organisation; raises NotFound for any other."""
    invitation = session.get(Invitation, invitation_id)
    if invitation is None or invitation.organisation_id != organisation_id:
        raise NotFound("invitation_unknown", "This invitation has been used or withdrawn.")
    return invitation


def invite(
    session: Session, keyring: Keyring, *, by: Organiser, email: str, role: Role, now: datetime
) -> Invitation:
    """Add an invitation and queue its email; an earlier one for the same address ends.

    Raises Invalid for a malformed address, Limited after 20 emails in a day, and what
    `organisers.acting_owner` does.
    """
    email = texts.email_address(email)
    by = organisers.acting_owner(session, by)
    _count(session, by.organisation_id, now)
    index = keyring.everywhere_index(organisations.account_of(email))
    session.exec(
        delete(Invitation).where(
            col(Invitation.organisation_id) == by.organisation_id,
            col(Invitation.email_index) == index,
        )
    )
    invitation = Invitation(
        organisation_id=by.organisation_id,
        email=Private(by.organisation_id, email),
        email_index=index,
        role=role,
        invited_by=by.id,
        created_at=now,
        expires_at=now + LIFETIME,
    )
    session.add(invitation)
    session.flush()
    recipient = recipients.recipient_of(email, keyring)
    message = NewMessage(MessageKind.INVITATION, invitation.id, recipient)
    outbox.queue(session, [message], now=now)
    _note(session, AccountEventKind.INVITED, invitation, by, now, detail=str(role))
    return invitation


def send_again(
    session: Session, keyring: Keyring, invitation: Invitation, *, by: Organiser, now: datetime
) -> Invitation:
    """Replace an invitation with one for the same address and role, which lasts seven days."""
    email, role = invitation.email.text, invitation.role
    return invite(session, keyring, by=by, email=email, role=role, now=now)


def withdraw(session: Session, invitation: Invitation, *, by: Organiser, now: datetime) -> None:
    """End an invitation: its link stops working. Raises NotFound if it has been used."""
    by = organisers.acting_owner(session, by)
    if _take(session, invitation):
        _note(session, AccountEventKind.INVITATION_ENDED, invitation, by, now)


def end_all_of(
    session: Session, inviter: Organiser, *, by: Organiser | None, now: datetime
) -> None:
    """End the invitations that somebody sent who is no owner any more, and note each.

    `by` is who changed that, or None for somebody at the server.
    """
    statement = select(Invitation).where(Invitation.invited_by == inviter.id)
    for invitation in session.exec(statement).all():
        if _take(session, invitation):
            _note(session, AccountEventKind.INVITATION_ENDED, invitation, by, now)


def usable(session: Session, invitation_id: UUID, *, now: datetime) -> OpenInvitation:
    """Returns an invitation for the page of its link; raises Gone for one that has ended."""
    invitation = session.get(Invitation, invitation_id)
    if invitation is None:
        message = "This invitation has been used, withdrawn or replaced by a newer one."
        raise Gone("invitation_ended", message)
    if invitation.expires_at <= now:
        raise Gone("invitation_expired", "This invitation has expired.")
    return OpenInvitation(invitation, organisations.get(session, invitation.organisation_id))


def accept(
    session: Session, keyring: Keyring, invitation_id: UUID, *, password_hash: str, now: datetime
) -> Organiser:
    """Make the account that an invitation is for, and end the invitation.

    Raises Gone for one that has ended, and Conflict (`account_exists`) if the address has an
    account here by now.
    """
    found = usable(session, invitation_id, now=now)
    # Before the row of the invitation: removing its inviter locks in this order too.
    organisers.lock(session, found.organisation.id)
    if not _take(session, found.invitation):
        raise Gone("invitation_ended", "This invitation has just been used or withdrawn.")
    try:
        organiser = organisations.add_organiser(
            session,
            keyring,
            organisation=found.organisation,
            email=found.invitation.email.text,
            password_hash=password_hash,
            role=found.invitation.role,
            now=now,
        )
    except Conflict as error:
        message = f"{found.invitation.email.text} has an account here already."
        raise Conflict("account_exists", message) from error
    _note(session, AccountEventKind.JOINED, found.invitation, organiser, now)
    return organiser


def forget_old(session: Session, *, now: datetime) -> None:
    """Delete invitations that expired 30 days ago."""
    session.exec(delete(Invitation).where(col(Invitation.expires_at) < now - KEPT_FOR))


def _take(session: Session, invitation: Invitation) -> bool:
    """Deletes the row. Returns False if somebody else has deleted it: only one uses it."""
    statement = delete(Invitation).where(col(Invitation.id) == invitation.id)
    taken: int = session.exec(statement).rowcount
    return taken == 1


def _count(session: Session, organisation_id: UUID, now: datetime) -> None:
    """Raises Limited after 20 emails. The record counts them: rows of invitations are deleted."""
    statement = select(sa.func.count()).where(
        AccountEvent.organisation_id == organisation_id,
        AccountEvent.at > now - _DAY,
        AccountEvent.kind == AccountEventKind.INVITED,
    )
    if session.exec(statement).one() >= A_DAY:
        message = (
            f"Your organisation has sent {A_DAY} invitations in the last 24 hours, which is the "
            "most that it can send. Try again tomorrow."
        )
        raise Limited("too_many_invitations", message, int(_DAY.total_seconds()))


def _note(
    session: Session,
    kind: AccountEventKind,
    invitation: Invitation,
    by: Organiser | None,
    now: datetime,
    *,
    detail: str = "",
) -> None:
    record.note(
        session,
        kind,
        organisation_id=invitation.organisation_id,
        now=now,
        organiser=by,
        about=invitation.email.text if kind is not AccountEventKind.JOINED else None,
        detail=detail or str(invitation.role),
    )
