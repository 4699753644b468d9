"""Browsers that are signed in. A session is a row, so that it can be ended from elsewhere.

The cookie holds 32 random bytes; the row holds their hash, so that a dump signs nobody in.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, delete, select

from models import Organiser, OrganiserSession, SecondStep
from models.base import UtcDateTime

IDLE = timedelta(hours=12)
HALF = timedelta(minutes=15)
"""How long somebody may take between the password and the code."""
LONGEST = timedelta(days=7)
SEEN_EVERY = timedelta(minutes=1)
"""How old `seen_at` may be, so that reading a page rarely writes."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """An organiser and the session through which they look."""

    organiser: Organiser
    session: OrganiserSession
    has_second_step: bool

    @property
    def is_half(self) -> bool:
        """Returns whether the session still needs the second step."""
        return self.has_second_step and self.session.second_step_at is None


def begin(
    session: Session,
    organiser: Organiser,
    *,
    device: str,
    now: datetime,
    second_step_at: datetime | None = None,
) -> str:
    """Add a session, and return the token for its cookie.

    Without `second_step_at` it opens nothing for an organiser who has set up a second step: only
    `half_of_token` finds it.
    """
    token = secrets.token_urlsafe(32)
    row = OrganiserSession(
        organiser_id=organiser.id,
        token_hash=hash_of(token),
        device=device,
        second_step_at=second_step_at,
        created_at=now,
        seen_at=now,
    )
    session.add(row)
    session.flush()
    return token


def of_token(session: Session, token: str, *, now: datetime) -> SignedIn | None:
    """Returns who is signed in with this token, or None if the session has ended.

    A session that still needs the second step is none.
    """
    found = _found(session, token, now)
    return found if found and not found.is_half else None


def half_of_token(session: Session, token: str, *, now: datetime) -> SignedIn | None:
    """Returns who has given a password, and needs the second step now; None for all others."""
    found = _found(session, token, now)
    is_live = found is not None and found.is_half and found.session.created_at > now - HALF
    return found if is_live else None


def values_of(token: str, *, now: datetime) -> dict[str, Any]:
    """Returns the values of the parameters of `OF_TOKEN`."""
    return {
        "token_hash": hash_of(token),
        "seen_after": now - IDLE,
        "created_after": now - LONGEST,
    }


def of_row(row: Sequence[Any] | None) -> SignedIn | None:
    """Returns who is signed in by a row of `OF_TOKEN`, further columns aside."""
    return SignedIn(row[1], row[0], row[2] is not None) if row else None


def complete(session: Session, session_id: UUID, *, now: datetime) -> None:
    """Notes that somebody in a session has given a code."""
    statement = sa.update(OrganiserSession).where(col(OrganiserSession.id) == session_id)
    session.execute(statement.values(second_step_at=now))


def of_organiser(session: Session, organiser_id: UUID, *, now: datetime) -> list[OrganiserSession]:
    """Returns the sessions that have not ended, the one that was used last first.

    Those that still need the second step are left out.
    """
    statement = (
        select(OrganiserSession)
        .outerjoin(SecondStep, _needs_code())
        .where(
            OrganiserSession.organiser_id == organiser_id,
            _is_live(now - IDLE, now - LONGEST),
            sa.or_(
                col(SecondStep.organiser_id).is_(None),
                col(OrganiserSession.second_step_at).is_not(None),
            ),
        )
    )
    return list(session.exec(statement.order_by(col(OrganiserSession.seen_at).desc())))


def see(session: Session, session_id: UUID, *, now: datetime) -> None:
    """Notes that a session was used."""
    statement = sa.update(OrganiserSession).where(col(OrganiserSession.id) == session_id)
    session.execute(statement.values(seen_at=now))


def look_at(session: Session, session_id: UUID, campaign_id: UUID) -> None:
    """Notes the campaign that a session looked at last."""
    statement = sa.update(OrganiserSession).where(col(OrganiserSession.id) == session_id)
    session.execute(statement.values(campaign_id=campaign_id))


def end(session: Session, organiser_id: UUID, session_id: UUID) -> None:
    """End one session of an organiser. Does nothing for a session of somebody else."""
    session.exec(
        delete(OrganiserSession).where(
            col(OrganiserSession.id) == session_id,
            col(OrganiserSession.organiser_id) == organiser_id,
        )
    )


def end_all(session: Session, organiser_id: UUID, *, but: UUID | None = None) -> None:
    """End every session of an organiser, except the one with the id `but`."""
    statement = delete(OrganiserSession).where(col(OrganiserSession.organiser_id) == organiser_id)
    if but is not None:
        statement = statement.where(col(OrganiserSession.id) != but)
    session.exec(statement)


def hash_of(token: str) -> bytes:
    """Returns what a row stores of a token."""
    return hashlib.sha256(token.encode()).digest()


def _found(session: Session, token: str, now: datetime) -> SignedIn | None:
    return of_row(session.execute(OF_TOKEN, values_of(token, now=now)).first())


def _needs_code() -> sa.ColumnElement[bool]:
    return sa.and_(
        col(SecondStep.organiser_id) == col(OrganiserSession.organiser_id),
        col(SecondStep.confirmed_at).is_not(None),
    )


def _is_live(seen_after: Any, created_after: Any) -> sa.ColumnElement[bool]:
    return sa.and_(
        col(OrganiserSession.seen_at) > seen_after, col(OrganiserSession.created_at) > created_after
    )


OF_TOKEN = (
    sa.select(OrganiserSession, Organiser, col(SecondStep.confirmed_at))
    .join(Organiser, col(Organiser.id) == OrganiserSession.organiser_id)
    .outerjoin(SecondStep, _needs_code())
    .where(
        col(OrganiserSession.token_hash) == sa.bindparam("token_hash"),
        _is_live(
            sa.bindparam("seen_after", type_=UtcDateTime()),
            sa.bindparam("created_after", type_=UtcDateTime()),
        ),
    )
)
"""SQL for the session of a token that has not ended, with the values of `values_of`."""
