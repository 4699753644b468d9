"""Checks the texts of a petition, its goal and the time at which it closes."""

from datetime import datetime, time, timedelta

from services.common import texts, times
from services.errors import Invalid

LONGEST_ACTION, LONGEST_ADDRESSEE, LONGEST_BACKGROUND = 200, 200, 20_000
LARGEST_GOAL = 1_000_000_000


def action(text: str) -> str:
    """Returns what a petition asks for. Raises Invalid."""
    return texts.line(text, "action", longest=LONGEST_ACTION)


def addressed_to(text: str) -> str:
    """Returns whom it asks. Raises Invalid."""
    return texts.line(text, "addressed_to", longest=LONGEST_ADDRESSEE)


def background(text: str) -> str:
    """Returns its reasons, in paragraphs. Raises Invalid."""
    return texts.paragraphs(text, "background", longest=LONGEST_BACKGROUND)


def goal(text: str) -> str:
    """Returns a number of signatures in digits, or an empty text for none. Raises Invalid."""
    return texts.number(text, "goal", least=1, most=LARGEST_GOAL) if text.strip() else ""


def closes_at(day: str, at: str) -> datetime | None:
    """Returns when a petition closes: at a time in London, or with the end of the day.

    `day` is written as YYYY-MM-DD, `at` such as 17:00 or 5pm; without a day it stays open. Raises
    Invalid.
    """
    if not day.strip():
        if at.strip():
            raise Invalid.field("closes_on", "day_missing", "Enter the day too.")
        return None
    parsed = texts.day(day.strip(), "closes_on")
    try:
        if not at.strip():
            return times.end_of_day(parsed)
        return times.in_london(parsed, texts.clock_time(at, "closes_time"))
    except OverflowError as error:  # the last day of the calendar
        raise Invalid.field("closes_on", "day_malformed", "Choose an earlier day.") from error


def closes_as_typed(moment: datetime | None) -> tuple[str, str]:
    """Returns the day and time that `closes_at` reads as this moment; empty texts for None."""
    if moment is None:
        return "", ""
    local = moment.astimezone(times.LONDON)
    if local.time() == time():
        return (local.date() - timedelta(days=1)).isoformat(), ""
    return local.date().isoformat(), f"{local:%H:%M}"
