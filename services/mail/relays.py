"""Relays that give trouble are left alone for a while (a circuit breaker).

Trouble is what any message would have met: no connection, one that broke, or 421. After several
in a row nothing is claimed for the relay, so that no message uses up its attempts against a server
that is down; then one message tries, and all go on once it got through. Kept in the database: every
worker sees the same, and a restart forgets nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, select

from models import Relay
from models.base import table_of
from services.database.engine import insert_ignore

MOST_FAILURES = 5
FIRST_REST = timedelta(seconds=30)
LONGEST_REST = timedelta(minutes=15)
_relay = table_of(Relay)


@dataclass(frozen=True, slots=True)
class RelayView:
    """Until when a relay is left alone, and what it said; None where nothing is wrong."""

    resting_until: datetime | None
    error: str | None

    @property
    def is_resting(self) -> bool:
        """Nothing is handed over right now."""
        return self.resting_until is not None


def room(session: Session, name: str, *, now: datetime, limit: int) -> int:
    """How many messages may be handed to a relay now: none while it rests, one to try it again."""
    relay = session.get(Relay, name)
    if relay is None or relay.failures < MOST_FAILURES:
        return limit
    return 0 if _is_resting(relay, now) else 1


def may_go(session: Session, name: str, *, now: datetime) -> bool:
    """Whether what was claimed may go: all of it while nothing is wrong; after a rest one message,
    for which the rest begins again here. So another worker does not try beside this one."""
    relay = session.get(Relay, name)
    if relay is None or relay.failures < MOST_FAILURES:
        return True
    changed = session.connection().execute(
        sa.update(_relay)
        .where(
            _relay.c.name == name,
            sa.or_(_relay.c.resting_until.is_(None), _relay.c.resting_until <= now),
        )
        .values(resting_until=now + rest_after(relay.failures))
    )
    return changed.rowcount == 1


def note_trouble(session: Session, name: str, details: Sequence[str], *, now: datetime) -> None:
    """Trouble came, so many times in a row."""
    insert_ignore(session, _relay, [{"name": name, "failures": 0}])
    # Locked: of two workers in trouble, both count.
    relay = session.get_one(Relay, name, with_for_update=True, populate_existing=True)
    relay.failures += len(details)
    relay.failed_at, relay.error = now, details[-1]
    if relay.failures >= MOST_FAILURES:
        relay.resting_until = now + rest_after(relay.failures)
    session.flush()


def note_answered(session: Session, name: str, *, now: datetime) -> None:
    """It works. Nothing is written where nothing was wrong."""
    session.connection().execute(
        sa.update(_relay)
        .where(_relay.c.name == name, _relay.c.failures > 0)
        .values(failures=0, answered_at=now, resting_until=None)
    )


def rest_after(failures: int) -> timedelta:
    """From half a minute, doubled with each failed try, to a quarter of an hour."""
    doublings: int = min(failures - MOST_FAILURES, 10)
    return min(FIRST_REST * (1 << doublings), LONGEST_REST)


def resting(session: Session, *, now: datetime) -> list[Relay]:
    """Relays that are left alone right now, for `lobby check` and the metrics."""
    found = session.exec(select(Relay).where(Relay.failures >= MOST_FAILURES))
    return [relay for relay in found if _is_resting(relay, now)]


def view(session: Session, name: str, *, now: datetime) -> RelayView:
    """How a relay does; the error is the last one, where it is not over."""
    relay = session.get(Relay, name)
    if relay is None or relay.failures == 0:
        return RelayView(None, None)
    return RelayView(relay.resting_until if _is_resting(relay, now) else None, relay.error)


def _is_resting(relay: Relay, now: datetime) -> bool:
    is_failing = relay.failures >= MOST_FAILURES
    return is_failing and relay.resting_until is not None and relay.resting_until > now
