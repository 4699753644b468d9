"""Formats times and days in London, for emails and pages."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")


def moment(value: datetime) -> str:
    """Formats a time as `23 November 2026, 22:45`."""
    local = value.astimezone(LONDON)
    return f"{day(local)}, {local:%H:%M}"


def day(value: date) -> str:
    """Formats a day, or the day of a time in London, as `23 November 2026`."""
    if isinstance(value, datetime):
        value = value.astimezone(LONDON)
    return f"{value.day} {value:%B %Y}"


def today(now: datetime) -> date:
    """Returns the current day in London."""
    return now.astimezone(LONDON).date()


def end_of_day(day: date) -> datetime:
    """Returns the midnight in London with which a day ends, in UTC."""
    return datetime.combine(day + timedelta(days=1), time(), LONDON).astimezone(UTC)
