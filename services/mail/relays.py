"""A circuit breaker for relays: a relay that fails is not used for a while.

Failures are those that any message would have met: no connection, a broken one, or the status 421.
After several in a row no message is claimed for the relay, so that none uses up its attempts
against a server that is down. After a rest, one message is tried; if it succeeds, all continue. The
state is in the database, so that all workers share it and it survives a restart.
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
_is_out = _relay.c.failures >= MOST_FAILURES


@dataclass(frozen=True, slots=True)
class RelayView:
    """Until when a relay rests, and its last error; None if nothing is wrong."""

    resting_until: datetime | None
    error: str | None

    @property
    def is_resting(self) -> bool:
        """True if the relay is not used at the moment."""
        return self.resting_until is not None


def capacity(session: Session, name: str, *, now: datetime, limit: int) -> int:
    """Returns how many messages a relay may get: none while it rests, one to try it again."""
    relay = session.get(Relay, name)
    if relay is None or relay.failures < MOST_FAILURES:
        return limit
    return 0 if _is_resting(relay, now) else 1


def may_send(session: Session, name: str, *, now: datetime) -> bool:
    """True if claimed messages may be sent.

    For the single message after a rest, the rest begins again here, so that no other worker tries
    the relay at the same time.
    """
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
    """Records failures in a row, with their details."""
    insert_ignore(session, _relay, [{"name": name, "failures": 0}])
    # Locked, so that the failures of two workers add up.
    relay = session.get_one(Relay, name, with_for_update=True, populate_existing=True)
    relay.failures += len(details)
    relay.failed_at, relay.error = now, details[-1]
    if relay.failures >= MOST_FAILURES:
        relay.resting_until = now + rest_after(relay.failures)
    session.flush()


def note_success(session: Session, name: str, *, now: datetime) -> None:
    """Records that a relay works. It writes nothing if nothing was wrong."""
    ends_outage = sa.case((_is_out, now), else_=_relay.c.answered_at)
    session.connection().execute(
        sa.update(_relay)
        .where(_relay.c.name == name, _relay.c.failures > 0)
        .values(failures=0, answered_at=ends_outage, resting_until=None)
    )


def rest_after(failures: int) -> timedelta:
    """Returns an exponential backoff from half a minute to a quarter of an hour."""
    doublings: int = min(failures - MOST_FAILURES, 10)
    return min(FIRST_REST * (1 << doublings), LONGEST_REST)


def resting(session: Session, *, now: datetime) -> list[Relay]:
    """Returns the relays that rest now, for `lobby check` and the metrics."""
    failing = session.exec(select(Relay).where(Relay.failures >= MOST_FAILURES))
    return [relay for relay in failing if _is_resting(relay, now)]


def last_outage(session: Session) -> datetime | None:
    """Returns when a relay was last out of use, whichever it was; None if none ever was."""
    ends = sa.case((_is_out, _relay.c.failed_at), else_=_relay.c.answered_at)
    latest: datetime | None = session.connection().execute(sa.select(sa.func.max(ends))).scalar()
    return latest


def outage(session: Session, name: str) -> str | None:
    """Returns the last error of a relay that is out of use, resting or not; None if it works."""
    relay = session.get(Relay, name)
    is_out = relay is not None and relay.failures >= MOST_FAILURES
    return (relay.error or "no reason was given") if relay is not None and is_out else None


def view(session: Session, name: str, *, now: datetime) -> RelayView:
    """Returns the state of a relay, with its last error until it works again."""
    relay = session.get(Relay, name)
    if relay is None or relay.failures == 0:
        return RelayView(None, None)
    return RelayView(relay.resting_until if _is_resting(relay, now) else None, relay.error)


def _is_resting(relay: Relay, now: datetime) -> bool:
    is_failing = relay.failures >= MOST_FAILURES
    return is_failing and relay.resting_until is not None and relay.resting_until > now
