"""Changes of how an organiser signs in. Each is recorded, and told to the organiser by email."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from models import AccountEventKind, Keyring, Organiser
from services.accounts import (
    account_mails,
    known_devices,
    record,
    recovery_codes,
    resets,
    second_steps,
    sessions,
)
from services.accounts.signing_in import Visitor
from services.common.tokens import Tokens
from services.errors import Conflict
from services.organisations import organisers


def change_password(
    session: Session,
    organiser: Organiser,
    password_hash: str,
    *,
    session_id: UUID,
    device: str,
    now: datetime,
) -> None:
    """Change one's own password, which ends all other sessions."""
    organisers.set_password_hash(session, organiser, password_hash, but=session_id)
    _tell(session, organiser, AccountEventKind.PASSWORD_CHANGED, device=device, now=now)


def set_password_for(session: Session, organiser: Organiser, password: str, now: datetime) -> None:
    """Set somebody's password at the server, which ends all their sessions. Raises Invalid."""
    organisers.set_password(session, organiser, password)
    _tell(session, organiser, AccountEventKind.PASSWORD_CHANGED, now=now, is_own=False)


def reset_password(
    session: Session,
    tokens: Tokens,
    token: str,
    password_hash: str,
    visitor: Visitor,
    *,
    now: datetime,
) -> str:
    """Choose a new password by an emailed link. It ends all sessions and keeps the second step.

    Returns the token for this browser as a known device: strangers who try passwords must not stop
    somebody who reads the account's email. All other known devices are forgotten.

    :raises Gone: the link has expired or was used
    :raises Invalid: the link is damaged
    """
    resets.lock(session, resets.organiser_of(session, tokens, token).id)
    organiser = resets.organiser_of(session, tokens, token)
    organisers.set_password_hash(session, organiser, password_hash)
    known_devices.forget_all(session, organiser.id)
    _tell(session, organiser, AccountEventKind.PASSWORD_RESET, device=visitor.device, now=now)
    return known_devices.remember(session, organiser.id, None, now=now)


def set_up_second_step(
    session: Session,
    keyring: Keyring,
    organiser: Organiser,
    code: str,
    *,
    session_id: UUID,
    device: str,
    now: datetime,
) -> list[str]:
    """Set up or replace the second step; this session counts as having it, all others end.

    Returns new recovery codes. Raises Invalid for a wrong code.
    """
    secret = second_steps.new_secret(session, keyring, organiser.id, session_id)
    second_steps.confirm(session, organiser, secret, code, now=now)
    sessions.complete(session, session_id, now=now)
    sessions.end_all(session, organiser.id, but=session_id)
    _tell(session, organiser, AccountEventKind.SECOND_STEP_ADDED, device=device, now=now)
    return recovery_codes.make(session, keyring, organiser.id)


def make_recovery_codes(
    session: Session, keyring: Keyring, organiser: Organiser, *, device: str, now: datetime
) -> list[str]:
    """Replace the recovery codes. Raises Conflict for somebody without a second step."""
    if not second_steps.has(session, organiser.id):
        raise Conflict("second_step_missing", "Set up two-step sign-in first.")
    _tell(session, organiser, AccountEventKind.RECOVERY_CODES_MADE, device=device, now=now)
    return recovery_codes.make(session, keyring, organiser.id)


def reset_second_step(session: Session, organiser: Organiser, *, now: datetime) -> None:
    """Remove somebody's second step at the server, which ends all their sessions.

    Raises Conflict if there is none.
    """
    if not second_steps.remove(session, organiser.id):
        message = f"{organiser.email.text} has not set up two-step sign-in."
        raise Conflict("second_step_missing", message)
    sessions.end_all(session, organiser.id)
    known_devices.forget_all(session, organiser.id)
    _tell(session, organiser, AccountEventKind.SECOND_STEP_RESET, now=now, is_own=False)


def _tell(
    session: Session,
    organiser: Organiser,
    kind: AccountEventKind,
    *,
    now: datetime,
    device: str = "",
    is_own: bool = True,
) -> None:
    event = record.note(
        session,
        kind,
        organisation_id=organiser.organisation_id,
        now=now,
        organiser=organiser if is_own else None,
        about=None if is_own else organiser.email.text,
        device=device,
    )
    account_mails.queue_changed(session, organiser, event, now=now)
