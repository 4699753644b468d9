"""Sessions of Parliament: a motion lives in one of them."""

from datetime import date

from sqlmodel import Session, col, select

from lobby.models import ParliamentSession
from lobby.models.base import table_of
from lobby.services.database import insert_ignore

# First days of sessions. That of 2026-27 is not confirmed by a source that we hold: what we know is
# that motions of that session were tabled from late May 2026.
KNOWN = (
    ("2017-19", date(2017, 6, 13)),
    ("2019", date(2019, 10, 14)),
    ("2019-21", date(2019, 12, 17)),
    ("2021-22", date(2021, 5, 11)),
    ("2022-23", date(2022, 5, 10)),
    ("2023-24", date(2023, 11, 7)),
    ("2024-26", date(2024, 7, 9)),
    ("2026-27", date(2026, 5, 13)),
)


def session_on(session: Session, day: date) -> ParliamentSession | None:
    """The session of Parliament that had begun last on a day."""
    insert_ignore(
        session,
        table_of(ParliamentSession),
        [{"name": name, "starts_on": starts_on, "ends_on": None} for name, starts_on in KNOWN],
    )
    statement = (
        select(ParliamentSession)
        .where(ParliamentSession.starts_on <= day)
        .order_by(col(ParliamentSession.starts_on).desc())
    )
    return session.exec(statement).first()
