"""Browsers that signed in before. Their attempts are counted apart from those of strangers.

A long-lived cookie holds 32 random bytes, and the row their hash. It allows nothing else.
"""

import secrets
from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import Session, col, delete, select

from models import Keyring, KnownDevice, Organiser
from services.accounts import sessions
from services.organisations import organisations

KEPT = timedelta(days=365)


def is_of_account(
    session: Session, keyring: Keyring, token: str, *, email: str, now: datetime
) -> bool:
    """Returns whether the account with this email address has signed in on this browser before."""
    statement = (
        select(KnownDevice.token_hash)
        .join(Organiser, col(Organiser.id) == KnownDevice.organiser_id)
        .where(
            KnownDevice.token_hash == sessions.hash_of(token),
            col(Organiser.email_index).in_(organisations.indexes_of(keyring, email)),
            KnownDevice.seen_at > now - KEPT,
        )
    )
    return session.exec(statement).first() is not None


def is_of(session: Session, organiser_id: UUID, token: str | None, *, now: datetime) -> bool:
    """Returns whether this organiser has signed in on this browser before."""
    device = session.get(KnownDevice, sessions.hash_of(token)) if token else None
    return (
        device is not None and device.organiser_id == organiser_id and device.seen_at > now - KEPT
    )


def has_any(session: Session, organiser_id: UUID) -> bool:
    """Returns whether this organiser has signed in on any browser that we remember."""
    statement = select(KnownDevice.token_hash).where(KnownDevice.organiser_id == organiser_id)
    return session.exec(statement.limit(1)).first() is not None


def remember(session: Session, organiser_id: UUID, token: str | None, *, now: datetime) -> str:
    """Notes that an organiser signed in on a browser. Returns the token for its cookie."""
    if token and is_of(session, organiser_id, token, now=now):
        session.get_one(KnownDevice, sessions.hash_of(token)).seen_at = now
        session.flush()
        return token
    token = secrets.token_urlsafe(32)
    device = KnownDevice(token_hash=sessions.hash_of(token), organiser_id=organiser_id, seen_at=now)
    session.add(device)
    session.flush()
    return token


def forget_all(session: Session, organiser_id: UUID) -> None:
    """Forget every browser of an organiser, since a thief's may be among them."""
    session.exec(delete(KnownDevice).where(col(KnownDevice.organiser_id) == organiser_id))
