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


def weekday(value: datetime) -> str:
    """Formats the day of a time in London as `Friday 17 July`."""
    local = value.astimezone(LONDON)
    return f"{local:%A} {local.day} {local:%B}"


def short_day(value: date) -> str:
    """Formats a day as `16 July`."""
    return f"{value.day} {value:%B}"


def near(value: datetime, now: datetime) -> str:
    """Formats a time of the last days as `9.02am`, `Yesterday 12.19pm` or, if older, `16 July`."""
    days = (today(now) - today(value)).days
    if days < 1:
        return clock(value)
    return f"Yesterday {clock(value)}" if days == 1 else short_day(value.astimezone(LONDON))


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


def begin_of_day(day: date) -> datetime:
    """Returns the midnight in London with which a day begins, in UTC."""
    return datetime.combine(day, time(), LONDON).astimezone(UTC)


def in_london(day: date, clock_time: time) -> datetime:
    """Returns the moment, in UTC, at which clocks in London show a day and a time.

    Of an hour that comes twice it is the first. An hour that is left out counts as the one after.
    """
    return datetime.combine(day, clock_time, LONDON).astimezone(UTC)
