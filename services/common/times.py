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


def clock(value: datetime) -> str:
    """Formats a time of the day as `3.34pm`."""
    local = value.astimezone(LONDON)
    return f"{local.hour % 12 or 12}.{local:%M}{'am' if local.hour < 12 else 'pm'}"


def time_and_day(value: datetime, now: datetime) -> str:
    """Formats a time as `3.34pm today`, `3.34pm on 29 November` or, in another year, with it."""
    on = value.astimezone(LONDON)
    if on.date() == today(now):
        return f"{clock(value)} today"
    year = "" if on.year == today(now).year else f" {on.year}"
    return f"{clock(value)} on {on.day} {on:%B}{year}"


def today(now: datetime) -> date:
    """Returns the current day in London."""
    return now.astimezone(LONDON).date()


def end_of_day(day: date) -> datetime:
    """Returns the midnight in London with which a day ends, in UTC."""
    return datetime.combine(day + timedelta(days=1), time(), LONDON).astimezone(UTC)
