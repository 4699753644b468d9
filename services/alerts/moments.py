"""When digests are due, and until when each tells. No queries."""

from datetime import UTC, datetime, time, timedelta

from models import AlertInterval
from services.common import times

MORNING = time(8)  # in London
SETTLED = timedelta(minutes=5)
"""A sync stores its names with the time at which it began, some minutes after that time."""


def last_due(every: AlertInterval, now: datetime) -> datetime:
    """Returns the last full hour, or the last 8am in London."""
    if every is AlertInterval.HOUR:  # London's clocks differ from UTC by whole hours
        return now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    today = times.today(now)
    morning = times.in_london(today, MORNING)
    return morning if morning <= now else times.in_london(today - timedelta(days=1), MORNING)


def tells_until(every: AlertInterval, now: datetime) -> datetime:
    """Returns until when the last digest that is due tells of names."""
    return last_due(every, now) - SETTLED
