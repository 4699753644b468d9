"""What the official APIs asked us to respect, remembered across restarts and processes."""

from datetime import datetime, timedelta

from sqlmodel import Session

from models import OfficialApi
from services.errors import LobbyError, Unavailable

MOTIONS = "motions"
MEMBERS = "members"


def require_allowed(session: Session, name: str, *, now: datetime) -> None:
    """Unavailable while an API has asked us to wait: it is obeyed in full."""
    found = session.get(OfficialApi, name)
    if found and found.wait_until and found.wait_until > now:
        seconds = int((found.wait_until - now).total_seconds()) + 1
        message = f"Parliament's {name} API has asked us to wait for another {seconds} seconds."
        raise Unavailable(f"{name}_api_limited", message, seconds)


def note_answered(session: Session, name: str, *, now: datetime) -> None:
    """A good answer came."""
    row = _row(session, name)
    row.answered_at, row.failed_at, row.error, row.wait_until = now, None, None, None


def note_failed(session: Session, name: str, error: LobbyError, *, now: datetime) -> None:
    """A bad answer came. Only a limit makes us wait: other faults are of one motion or moment."""
    row = _row(session, name)
    row.failed_at, row.error = now, error.message
    if isinstance(error, Unavailable) and error.code.endswith("_limited"):
        until = now + timedelta(seconds=error.retry_after)
        row.wait_until = max(until, row.wait_until or until)


def _row(session: Session, name: str) -> OfficialApi:
    row = session.get(OfficialApi, name) or OfficialApi(name=name)
    session.add(row)
    return row
