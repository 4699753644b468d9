"""Relays that give trouble are left alone for a while (a circuit breaker).

Trouble is what any message would have met: no connection, one that broke, or 421. After several
in a row nothing is claimed for the relay, so that no message uses up its attempts against a server
that is down; then one message tries, and all go on once it got through. Kept in the database: every
worker sees the same, and a restart forgets nothing.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, select

from lobby.models import Relay
from lobby.models.base import table_of

MOST_FAILURES = 5
FIRST_REST = timedelta(seconds=30)
LONGEST_REST = timedelta(minutes=15)
_relay = table_of(Relay)


def room(session: Session, name: str, *, now: datetime, limit: int) -> int:
    """How many messages may be handed to a relay now: none while it rests, one to try it again."""
    relay = session.get(Relay, name)
    if relay is None or relay.failures < MOST_FAILURES:
        return limit
    is_resting = relay.resting_until is not None and relay.resting_until > now
    return 0 if is_resting else 1


def note_trouble(session: Session, name: str, details: Sequence[str], *, now: datetime) -> None:
    """Trouble came, so many times in a row."""
    relay = session.get(Relay, name) or Relay(name=name)
    relay.failures += len(details)
    relay.failed_at, relay.error = now, details[-1]
    if relay.failures >= MOST_FAILURES:
        relay.resting_until = now + rest_after(relay.failures)
    session.add(relay)
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
    """Relays that are left alone right now, for `lobby check` and the organisers' page."""
    found = session.exec(select(Relay).where(Relay.failures >= MOST_FAILURES))
    return [relay for relay in found if relay.resting_until and relay.resting_until > now]
