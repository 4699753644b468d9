"""The second step of signing in: a code of six digits from an authenticator app (RFC 6238)."""

import base64
import hmac
from datetime import datetime
from uuid import UUID

import pyotp
import sqlalchemy as sa
from sqlmodel import Session, col, delete, select

from models import Keyring, Organiser, Private, RecoveryCode, SecondStep
from services.errors import Invalid

PERIOD = 30  # seconds
DRIFT = 1  # periods that the clock of a phone may be wrong, each way
_SECRET_BYTES = 20  # those of SHA-1, as RFC 4226 recommends


def has(session: Session, organiser_id: UUID) -> bool:
    """Returns whether an organiser has set up a second step."""
    return _confirmed(session, organiser_id) is not None


def since(session: Session, organiser_id: UUID) -> datetime | None:
    """Returns when an organiser set up the second step; None without one."""
    row = _confirmed(session, organiser_id)
    return row.confirmed_at if row else None


def new_secret(session: Session, keyring: Keyring, organiser_id: UUID, session_id: UUID) -> str:
    """Returns the secret to show on the page that sets up a second step, in base 32.

    It is derived, so that nothing is stored before it is confirmed and a page that is loaded again
    shows the same one. It changes with the session, and when a second step is set up.
    """
    present = session.get(SecondStep, organiser_id)
    last = str(present.confirmed_at.timestamp()) if present and present.confirmed_at else ""
    parts = (b"second step", organiser_id.bytes, session_id.bytes, last.encode())
    return base64.b32encode(keyring.request_index(*parts)[:_SECRET_BYTES]).decode()


def address_of(secret: str, organiser: Organiser, *, service: str) -> str:
    """Returns the `otpauth:` address that a QR code holds."""
    return pyotp.TOTP(secret).provisioning_uri(name=organiser.email.text, issuer_name=service)


def confirm(
    session: Session, organiser: Organiser, secret: str, code: str, *, now: datetime
) -> None:
    """Set up or replace the second step. Raises Invalid if the code is not of this secret."""
    step = _step_of(secret, code, now=now, after=0)
    if step is None:
        raise wrong_code()
    session.exec(delete(SecondStep).where(col(SecondStep.organiser_id) == organiser.id))
    session.add(
        SecondStep(
            organiser_id=organiser.id,
            secret=Private(organiser.organisation_id, secret),
            last_step=step,
            confirmed_at=now,
            created_at=now,
        )
    )
    session.flush()


def use(session: Session, organiser_id: UUID, code: str, *, now: datetime) -> None:
    """Checks a code, which then counts no more. Raises Invalid if it is wrong or was used."""
    row = _confirmed(session, organiser_id)
    step = _step_of(row.secret.text, code, now=now, after=row.last_step) if row else None
    if step is None:
        raise wrong_code()
    # Of two who send the same code at the same time, one is right.
    statement = sa.update(SecondStep).where(
        col(SecondStep.organiser_id) == organiser_id, col(SecondStep.last_step) < step
    )
    if not session.connection().execute(statement.values(last_step=step)).rowcount:
        raise wrong_code()


def remove(session: Session, organiser_id: UUID) -> bool:
    """Removes the second step with its recovery codes; returns whether there was one."""
    had_one = has(session, organiser_id)
    session.exec(delete(RecoveryCode).where(col(RecoveryCode.organiser_id) == organiser_id))
    session.exec(delete(SecondStep).where(col(SecondStep.organiser_id) == organiser_id))
    return had_one


def wrong_code() -> Invalid:
    """Returns the error for a code that is wrong, old or used."""
    message = "That code isn’t right. Codes change every 30 seconds: try the one showing now."
    return Invalid.field("code", "code_wrong", message)


def _confirmed(session: Session, organiser_id: UUID) -> SecondStep | None:
    statement = select(SecondStep).where(
        SecondStep.organiser_id == organiser_id, col(SecondStep.confirmed_at).is_not(None)
    )
    return session.exec(statement).first()


def _step_of(secret: str, code: str, *, now: datetime, after: int) -> int | None:
    """Returns the number of the period whose code this is, if it is later than `after`."""
    typed = "".join(code.split())
    totp = pyotp.TOTP(secret, interval=PERIOD)
    present = int(now.timestamp()) // PERIOD
    right = [
        step
        for step in range(present - DRIFT, present + DRIFT + 1)
        if hmac.compare_digest(totp.generate_otp(step).encode(), typed.encode()) and step > after
    ]
    return right[0] if right else None
