"""The backlog of the sorter: submissions that are not sorted, and those that do not open."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session

from models import Submission
from models.base import table_of

MOST_COUNTED = 1000
_submission = table_of(Submission)
# Literals: both databases compare them with the conditions of the indexes.
_OLDEST_NEW = (
    sa.select(_submission.c.received_at)
    .where(_submission.c.state == sa.literal_column("'new'"))
    .order_by(_submission.c.id)
    .limit(1)
)
_UNREADABLE = (
    sa.select(_submission.c.id)
    .where(
        _submission.c.state == sa.literal_column("'waiting'"), _submission.c.mailbox_index.is_(None)
    )
    .limit(MOST_COUNTED + 1)
    .subquery()
)
_COUNT_UNREADABLE = sa.select(sa.func.count()).select_from(_UNREADABLE)


def oldest_new(session: Session, *, now: datetime) -> timedelta:
    """Returns how long ago the oldest submission arrived that is not sorted; zero if none waits."""
    oldest: datetime | None = session.connection().execute(_OLDEST_NEW).scalar()
    return max(now - oldest, timedelta(0)) if oldest else timedelta(0)


def count_unreadable(session: Session) -> int:
    """Counts the submissions that the sorter could not open, up to `MOST_COUNTED` + 1."""
    return int(session.connection().execute(_COUNT_UNREADABLE).scalar_one())
