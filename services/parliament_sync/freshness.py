"""How fresh what we know of Parliament is: when it answered last, and what went wrong since."""

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
    """Of one official API. `answered_at` is the last time that all went well; of members, that
    is a whole sync. `error` is what went wrong since, and `wait_until` what it asks us to obey."""

    name: str
    answered_at: datetime | None
    failed_at: datetime | None
    error: str | None
    wait_until: datetime | None


def of_parliament(session: Session, *, now: datetime) -> tuple[Freshness, ...]:
    """Motions and members, in this order; empty moments where nothing was ever asked for."""
    statement = select(OfficialApi)
    rows = {row.name: row for row in session.exec(statement)}
    return tuple(
        _freshness(name, rows.get(name), now) for name in (backoff.MOTIONS, backoff.MEMBERS)
    )


def old_motions(session: Session, *, now: datetime) -> list[Motion]:
    """Motions that are followed, and of which no good answer came for a day."""
    followed = motions.followed_ids(session)
    statement = select(Motion).where(col(Motion.id).in_(followed)).order_by(col(Motion.id))
    oldest = now - MOTIONS_ARE_OLD
    return [
        motion
        for motion in session.exec(statement)
        if motion.synced_at is None or motion.synced_at < oldest
    ]


def members_if_old(session: Session, *, now: datetime) -> Freshness | None:
    """Members, where they were brought in line once and not for three days."""
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
