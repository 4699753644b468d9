"""Deletes what accounts need no more: old lines of the record, sessions, devices, invitations."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, delete

from models import KnownDevice, OrganiserSession
from services.accounts import invitations, known_devices, record, sessions


def forget_old(session: Session, *, now: datetime) -> None:
    """Delete what has expired, and what is older than a year."""
    record.forget_old(session, now=now)
    ended = sa.or_(
        col(OrganiserSession.seen_at) <= now - sessions.IDLE,
        col(OrganiserSession.created_at) <= now - sessions.LONGEST,
    )
    session.exec(delete(OrganiserSession).where(ended))
    session.exec(delete(KnownDevice).where(col(KnownDevice.seen_at) <= now - known_devices.KEPT))
    invitations.forget_old(session, now=now)
