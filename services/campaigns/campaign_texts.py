"""Checks texts of a campaign's page, from its title to the story of how it ended."""

from datetime import datetime

from models import Campaign
from services.common import texts, times
from services.errors import Invalid

LONGEST_TITLE, LONGEST_SUMMARY, LONGEST_BODY = 200, 300, 20_000
LONGEST_LINE, LONGEST_OUTCOME = 200, 5_000


def title(text: str) -> str:
    """Returns a campaign's title. Raises Invalid."""
    return texts.line(text, "title", longest=LONGEST_TITLE)


def summary(text: str) -> str:
    """Returns a campaign's summary. Raises Invalid."""
    return texts.line(text, "summary", longest=LONGEST_SUMMARY)


def body(text: str) -> str:
    """Returns why a campaign matters, in the small Markdown. Raises Invalid."""
    return texts.paragraphs(text, "body", longest=LONGEST_BODY)


def hero_line(text: str) -> str:
    """Returns the line below the title. Raises Invalid."""
    return texts.line(text, "hero_line", longest=LONGEST_LINE, shortest=0)


def purpose(text: str, field: str = "purpose") -> str:
    """Returns what a motion asks for: half a sentence, without the full stop at its end.

    It follows 'which asks the government to', such as 'stop the sale of the staff bank'.

    :raises Invalid: it is no line, or is too long
    """
    line = texts.line(text, field, longest=LONGEST_LINE + 1, shortest=0).rstrip(" .")
    return texts.line(line, field, longest=LONGEST_LINE, shortest=0)


def purpose_welsh(text: str) -> str:
    """Returns the same in Welsh. Raises Invalid."""
    return purpose(text, "purpose_welsh")


def outcome(text: str) -> str:
    """Returns the story of how a campaign ended, in paragraphs. Raises Invalid."""
    return texts.paragraphs(text, "outcome", longest=LONGEST_OUTCOME)


def require_whole_outcome(campaign: Campaign, *, now: datetime) -> None:
    """Raises Invalid for the day of an outcome without the outcome, or for a day to come."""
    if campaign.outcome_on is None:
        return
    if not campaign.outcome:
        message = "Say what the outcome was, or remove its day too."
        raise Invalid.field("outcome_on", "outcome_missing", message)
    if campaign.outcome_on > times.today(now):
        message = "The day of the outcome can't be in the future."
        raise Invalid.field("outcome_on", "day_in_future", message)
