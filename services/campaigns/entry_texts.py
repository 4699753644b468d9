"""Checks the texts and times of a campaign's news and dates, for the API and for forms."""

from datetime import date, datetime

from models import EventKind
from services.common import texts, times, urls
from services.errors import Invalid

LONGEST_TITLE = LONGEST_PLACE = 200
LONGEST_NEWS, LONGEST_TEXT = 20_000, 5_000
FIRST_YEAR, LAST_YEAR = 2000, 2100


def title(text: str) -> str:
    """Returns the title of news or of a date. Raises Invalid."""
    return texts.line(text, "title", longest=LONGEST_TITLE)


def news(text: str) -> str:
    """Returns news in the small Markdown of `services.common.markdown`. Raises Invalid."""
    return texts.paragraphs(text, "body", longest=LONGEST_NEWS, shortest=1)


def text(text: str) -> str:
    """Returns what is known of a date, in the same Markdown. Raises Invalid."""
    return texts.paragraphs(text, "text", longest=LONGEST_TEXT)


def place(text: str) -> str:
    """Returns where something happens. Raises Invalid."""
    return texts.line(text, "place", longest=LONGEST_PLACE, shortest=0)


def day(text: str) -> date:
    """Returns a day written as YYYY-MM-DD. Raises Invalid, also for a year that must be a slip."""
    if not text.strip():
        raise Invalid.field("day", "day_missing", "Enter the day.")
    parsed = texts.day(text.strip(), "day")
    if not FIRST_YEAR <= parsed.year <= LAST_YEAR:
        message = f"Give a year from {FIRST_YEAR} to {LAST_YEAR}."
        raise Invalid.field("day", "year_out_of_range", message)
    return parsed


def moment(day_text: str, time_text: str) -> datetime:
    """Returns a moment in UTC from a `day` and a `time` in London. Raises Invalid for either."""
    return times.in_london(day(day_text), texts.clock_time(time_text, "time"))


def kind(text: str) -> str:
    """Returns the value of an `EventKind`. Raises Invalid."""
    if text not in set(EventKind):
        raise Invalid.field("kind", "kind_unknown", "Choose one of these.")
    return text


def link(text: str) -> str:
    """Returns the address of a page elsewhere, or an empty text. Raises Invalid."""
    return urls.web_link(text.strip()) if text.strip() else ""
