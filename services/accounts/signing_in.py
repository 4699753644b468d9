"""Signing in after the password: the second step, the session, the record and the email."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, select

from models import AccountEvent, AccountEventKind, Keyring, Organiser
from services.accounts import (
    account_mails,
    known_devices,
    record,
    recovery_codes,
    second_steps,
    sessions,
)
from services.errors import NotFound
from services.organisations import organisations


@dataclass(frozen=True, slots=True)
class Visitor:
    """The browser of somebody who signs in. `token` is that of its cookie as a known device."""

    device: str
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """What the cookies hold from now on. Without a `device_token` a code is still missing."""

    session_token: str
    device_token: str | None = None


def with_password(
    session: Session, organiser: Organiser, visitor: Visitor, *, now: datetime
) -> Entry:
    """Begins a session for somebody whose password was right."""
    if second_steps.has(session, organiser.id):
        return Entry(sessions.begin(session, organiser, device=visitor.device, now=now))
    return _let_in(session, organiser, visitor, now=now, with_second_step=False)


def with_code(
    session: Session, half: sessions.SignedIn, code: str, visitor: Visitor, *, now: datetime
) -> Entry:
    """Completes a session by a code of the authenticator app. Raises Invalid for a wrong one."""
    second_steps.use(session, half.organiser.id, code, now=now)
    sessions.end(session, half.organiser.id, half.session.id)
    return _let_in(session, half.organiser, visitor, now=now)


def with_recovery_code(
    session: Session,
    keyring: Keyring,
    half: sessions.SignedIn,
    code: str,
    visitor: Visitor,
    *,
    now: datetime,
) -> Entry:
    """Completes a session by a recovery code, which then counts no more. Raises Invalid."""
    organiser = half.organiser
    recovery_codes.use(session, keyring, organiser.id, code)
    sessions.end(session, organiser.id, half.session.id)
    left = recovery_codes.count(session, organiser.id)
    event = record.note(
        session,
        AccountEventKind.RECOVERY_CODE_USED,
        organisation_id=organiser.organisation_id,
        now=now,
        organiser=organiser,
        device=visitor.device,
        detail=f"{left} left",
    )
    account_mails.queue_changed(session, organiser, event, now=now)
    return _let_in(session, organiser, visitor, now=now)


def note_failure(
    session: Session, keyring: Keyring, *, email: str, device: str, detail: str, now: datetime
) -> None:
    """Records that somebody failed to sign in. An address of nobody leaves no line."""
    try:
        organiser = organisations.organiser_at(session, keyring, email)
    except NotFound:
        return
    record.note(
        session,
        AccountEventKind.SIGN_IN_FAILED,
        organisation_id=organiser.organisation_id,
        now=now,
        about=organiser.email.text,
        device=device,
        detail=detail,
    )


def _let_in(
    session: Session,
    organiser: Organiser,
    visitor: Visitor,
    *,
    now: datetime,
    with_second_step: bool = True,
) -> Entry:
    is_new_device = not known_devices.is_of(session, organiser.id, visitor.token, now=now)
    is_first = not _has_signed_in(session, organiser)
    event = record.note(
        session,
        AccountEventKind.SIGNED_IN,
        organisation_id=organiser.organisation_id,
        now=now,
        organiser=organiser,
        device=visitor.device,
        detail="on a new device" if is_new_device else "",
    )
    if is_new_device and not is_first:
        account_mails.queue_changed(session, organiser, event, now=now)
    token = sessions.begin(
        session,
        organiser,
        device=visitor.device,
        now=now,
        second_step_at=now if with_second_step else None,
    )
    return Entry(token, known_devices.remember(session, organiser.id, visitor.token, now=now))


def _has_signed_in(session: Session, organiser: Organiser) -> bool:
    """Returns whether this is not the first time: nobody needs an email about that."""
    statement = select(AccountEvent.id).where(
        AccountEvent.organiser_id == organiser.id, AccountEvent.kind == AccountEventKind.SIGNED_IN
    )
    seen = session.exec(statement.limit(1)).first() is not None
    return seen or known_devices.has_any(session, organiser.id)
