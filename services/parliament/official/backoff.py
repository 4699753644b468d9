"""The limits that Parliament's APIs set us, remembered across restarts and processes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlmodel import Session

from models import OfficialApi
from services.database.engine import Database
from services.errors import LobbyError, Unavailable

MOTIONS = "motions"
MEMBERS = "members"


@contextmanager
def request(database: Database, name: str, *, clock: Callable[[], datetime]) -> Iterator[None]:
    """Wraps a request to an official API, with no transaction open inside.

    Raises Unavailable while the API has asked us to wait, whichever process it asked, and records
    how the request ended.
    """
    with database.read() as session:
        require_allowed(session, name, now=clock())
    try:
        yield
    except LobbyError as error:
        with database.write() as session:
            note_failed(session, name, error, now=clock())
        raise
    with database.write() as session:
        note_answered(session, name, now=clock())


def require_allowed(session: Session, name: str, *, now: datetime) -> None:
    """Raises Unavailable while an API has asked us to wait. We obey its wait in full."""
    api = session.get(OfficialApi, name)
    if api and api.wait_until and api.wait_until > now:
        seconds = int((api.wait_until - now).total_seconds()) + 1
        message = f"Parliament's {name} API has asked us to wait for another {seconds} seconds."
        raise Unavailable(f"{name}_api_limited", message, seconds)


def note_answered(session: Session, name: str, *, now: datetime) -> None:
    """Records a good answer, and ends any wait."""
    row = _row(session, name)
    row.answered_at, row.failed_at, row.error, row.wait_until = now, None, None, None


def note_failed(session: Session, name: str, error: LobbyError, *, now: datetime) -> None:
    """Records a bad answer. Only a rate limit starts a wait: other faults concern one request."""
    row = _row(session, name)
    row.failed_at, row.error = now, error.message
    if isinstance(error, Unavailable) and error.code.endswith("_limited"):
        until = now + timedelta(seconds=error.retry_after)
        row.wait_until = max(until, row.wait_until or until)


def _row(session: Session, name: str) -> OfficialApi:
    row = session.get(OfficialApi, name) or OfficialApi(name=name)
    session.add(row)
    return row
