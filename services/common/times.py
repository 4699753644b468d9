"""Times in words, by the clock in London: for mails and pages."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")


def moment(value: datetime) -> str:
    """`23 November 2026, 22:45`."""
    local = value.astimezone(LONDON)
    return f"{day(local)}, {local:%H:%M}"


def day(value: date) -> str:
    """`23 November 2026`; of a time, its day in London."""
    if isinstance(value, datetime):
        value = value.astimezone(LONDON)
    return f"{value.day} {value:%B %Y}"


def today(now: datetime) -> date:
    """The day it is in London."""
    return now.astimezone(LONDON).date()
