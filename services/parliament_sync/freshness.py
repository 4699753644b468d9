"""Reports how old our data from Parliament is, and why an update failed."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from models import Motion, OfficialApi
from services.parliament import motions
from services.parliament.official import backoff

MOTIONS_ARE_OLD = timedelta(days=1)
MEMBERS_ARE_OLD = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Freshness:
    """The last success and failure of one official API; None for what never happened.

    `answered_at` is the last success; for members that is a complete sync. `error` is the failure
    since then, if any. `wait_until` is set while the API asks us to wait.
    """

    name: str
    answered_at: datetime | None
    failed_at: datetime | None
    error: str | None
    wait_until: datetime | None


def of_parliament(session: Session, *, now: datetime) -> tuple[Freshness, ...]:
    """Returns the freshness of motions and of members, in this order."""
    statement = select(OfficialApi)
    rows = {row.name: row for row in session.exec(statement)}
    return tuple(
        _freshness(name, rows.get(name), now) for name in (backoff.MOTIONS, backoff.MEMBERS)
    )


def old_motions(session: Session, *, now: datetime) -> list[Motion]:
    """Returns the motions in `motions.followed_ids` without a successful answer for a day."""
    motion_ids = motions.followed_ids(session)
    statement = select(Motion).where(col(Motion.id).in_(motion_ids)).order_by(col(Motion.id))
    oldest = now - MOTIONS_ARE_OLD
    return [
        motion
        for motion in session.exec(statement)
        if motion.synced_at is None or motion.synced_at < oldest
    ]


def members_if_old(session: Session, *, now: datetime) -> Freshness | None:
    """Returns the freshness of members if they were synced once, but not for three days."""
    *_, members = of_parliament(session, now=now)
    if members.answered_at is None or now - members.answered_at < MEMBERS_ARE_OLD:
        return None
    return members


def _freshness(name: str, row: OfficialApi | None, now: datetime) -> Freshness:
    if row is None:
        return Freshness(name, None, None, None, None)
    is_waiting = row.wait_until is not None and row.wait_until > now
    until = row.wait_until if is_waiting else None
    return Freshness(name, row.answered_at, row.failed_at, row.error, until)
