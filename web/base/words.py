"""Template filters: enum values in words, numbers with separators, times in London."""

import re
import textwrap
import unicodedata
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from markupsafe import Markup, escape

from models import (
    CampaignStatus,
    DeliveryState,
    LetterOutcome,
    LetterState,
    OverrideKind,
    ReplyKind,
)
from services.common import times
from services.letters.drafting import situations
from services.letters.queue_overview import LetterGroup
from services.parliament.standing import Eligibility, Role, Standing, StatedIntent
from services.webhooks import warning_mails

_LINK = re.compile(r"(https?://[^\s<>\"]+)")
LONGEST_DESCRIPTION = 200  # the characters that search engines and messengers show

STANDINGS = {
    Standing.SIGNED: "Signed",
    Standing.NOT_SIGNED: "Not signed",
    Standing.WITHDRAWN: "Took their name off",
}
ROLES = {
    Role.PRIMARY: "Primary sponsor",
    Role.SPONSOR: "Sponsor",
    Role.SUPPORTER: "Supporter",
}
ELIGIBILITIES = {
    Eligibility.CAN_SIGN: "Can sign",
    Eligibility.CONVENTION: "Holds an office: by convention does not sign",
    Eligibility.CANNOT: "Does not take their seat",
    Eligibility.REFUSES: "Has said they sign no motions",
    Eligibility.VACANT: "Seat vacant",
}
STATED_INTENTS = {
    StatedIntent.WILL_SIGN: "Said they will sign",
    StatedIntent.WILL_NOT: "Said they will not sign",
}
REPLIES = {
    ReplyKind.WILL_SIGN: STATED_INTENTS[StatedIntent.WILL_SIGN],
    ReplyKind.WILL_NOT: STATED_INTENTS[StatedIntent.WILL_NOT],
    ReplyKind.UNDECIDED: "Said they have not decided",
    ReplyKind.MINISTERS_REPLY: "Passed on a minister’s reply",
    ReplyKind.MEETING: "Agreed to meet",
    ReplyKind.OTHER: "Replied",
}
ORGANISER_NOTES = {
    OverrideKind.SAYS_WILL_SIGN: STATED_INTENTS[StatedIntent.WILL_SIGN],
    OverrideKind.SAYS_WILL_NOT: STATED_INTENTS[StatedIntent.WILL_NOT],
}
SORTS = {
    "constituency": "Constituency, A to Z",
    "-signatures": "Most signatures first",
    "-signatures_per_1000": "Most signatures per 1,000 electors first",
    "-letters_sent": "Most letters first",
    "member": "MP, A to Z",
    "party": "Party, A to Z",
    "signed_on": "First to sign first",
    "standing": "Standing",
}
CAMPAIGN_STATUSES = {
    CampaignStatus.DRAFT: "Draft: only your organisation can see it",
    CampaignStatus.OPEN: "Open",
    CampaignStatus.CLOSED: "This campaign has ended",
    CampaignStatus.WON: "This campaign has been won",
    CampaignStatus.LOST: "This campaign was not won",
}
LETTER_STATES = {
    LetterState.PENDING: "Your letter is ready to send",
    LetterState.QUEUED: "Your letter is on its way",
    LetterState.SENT: "Your letter has been sent",
    LetterState.HELD: "We haven’t sent your letter",
    LetterState.CANCELLED: "Your letter won’t be sent",
    LetterState.REJECTED: "We couldn’t deliver your letter",
    LetterState.UNCERTAIN: "We think your letter arrived",
}
# Letters by state, for organisers.
LETTER_GROUPS = {
    LetterGroup.UNCONFIRMED: "Not confirmed",
    LetterGroup.WAITING: "Waiting",
    LetterGroup.PUT_OFF: "Put off",
    LetterGroup.SENT: "Sent",
    LetterGroup.HELD: "Held back",
    LetterGroup.CANCELLED: "Cancelled",
    LetterGroup.REFUSED: "Refused",
    LetterGroup.BOUNCED: "Came back",
    LetterGroup.UNCERTAIN: "Uncertain",
}
HOLD_REASONS = {
    "member_changed": "The constituency has another MP now.",
    "motion_changed": "The campaign is about another motion now.",
    "standing_changed": "The MP has signed since, taken their name off, or changed office: the "
    "letter no longer fits.",
    **situations.REASONS,
}
# What a writer can say about the reply to their letter.
OUTCOME_CHOICES = {
    LetterOutcome.ANSWERED: "Yes, I got a reply",
    LetterOutcome.ACKNOWLEDGED: "I only got an automatic reply",
    LetterOutcome.NOT_ANSWERED: "No, not yet",
}
# The same after 'The office': for the page that confirms what they said.
OUTCOME_PHRASES = {
    LetterOutcome.ANSWERED: "has replied",
    LetterOutcome.ACKNOWLEDGED: "has only sent an automatic reply",
    LetterOutcome.NOT_ANSWERED: "hasn’t replied yet",
}
REPLY_CHOICES = {
    ReplyKind.WILL_SIGN: "They will sign it",
    ReplyKind.WILL_NOT: "They will not sign it",
    ReplyKind.UNDECIDED: "They have not decided",
    ReplyKind.MINISTERS_REPLY: "They passed on a minister’s reply",
    ReplyKind.MEETING: "They offered a meeting",
    ReplyKind.OTHER: "Something else",
}
DELIVERIES = {
    DeliveryState.QUEUED: "Waiting",
    DeliveryState.CLAIMED: "On its way",
    DeliveryState.DELIVERED: "Delivered",
    DeliveryState.FAILED: "Failed",
    DeliveryState.HELD: "Held",
}
FIELDS = {"token": "The link", "after": "The page", "sort": "Order"}


def number(value: int) -> str:
    """Formats a number: `12345` -> `12,345`."""
    return f"{value:,}"


def counted(value: int, noun: str, plural: str = "") -> str:
    """Returns `1 signature` or `1,200 signatures`. The default plural is the noun with an s."""
    return f"{value:,} {noun if value == 1 else plural or f'{noun}s'}"


def two_digits(value: float | None) -> str:
    """Formats `0.3` as `0.30`, and None as a dash."""
    return "–" if value is None else f"{value:.2f}"


def moment(value: datetime) -> str:
    """Formats a time as `23 November 2026, 22:45`, in London."""
    return times.moment(value)


def at_time(value: datetime, now: datetime | None = None) -> str:
    """Formats a time in London as `3.33pm on 29 November`, or `7am tomorrow` with `now`."""
    local = value.astimezone(times.LONDON)
    minutes = f".{local:%M}" if local.minute else ""
    clock = f"{local.hour % 12 or 12}{minutes}{'am' if local.hour < 12 else 'pm'}"
    days = (local.date() - times.today(now)).days if now else None
    near = {0: "today", 1: "tomorrow"}.get(days) if days is not None else None
    return f"{clock} {near}" if near else f"{clock} on {local.day} {local:%B}"


def day(value: date) -> str:
    """Formats a date as `23 November 2026`; for a time, its day in London."""
    return times.day(value)


def last_day(end: datetime) -> str:
    """Formats the last day before an end at midnight: `31 December 2026`."""
    return times.day(end - timedelta(microseconds=1))


def in_one_line(text: str) -> str:
    """Shortens a text to one line of at most `LONGEST_DESCRIPTION` characters."""
    return textwrap.shorten(text, LONGEST_DESCRIPTION, placeholder=" …").strip()


def paragraphs(text: str) -> list[str]:
    """Splits a text at empty lines."""
    return [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]


def linked(text: str) -> Markup:
    """Returns escaped HTML with the web addresses in the text as links."""
    parts = _LINK.split(text)
    return Markup().join(
        Markup('<a href="{0}">{0}</a>').format(part) if index % 2 else escape(part)
        for index, part in enumerate(parts)
    )


def field_name(field: str) -> str:
    """Names a field: `letters_sent` -> `Letters sent`."""
    return FIELDS.get(field) or field.replace("_", " ").replace(".", " ").capitalize()


def party_class(party: str) -> str:
    """Returns the name of a party for a class of the style sheet: `Sinn Féin` -> `sinn-fein`."""
    plain = unicodedata.normalize("NFKD", party).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def hold_reason(reason: str) -> str:
    """Says why a letter is held, to organisers of its campaign."""
    return HOLD_REASONS.get(reason) or field_name(reason)


def member_position(member: str, standing: Standing, eligibility: Eligibility) -> str:
    """Says in a sentence whether an MP has signed, and why not where they cannot."""
    if standing is Standing.SIGNED:
        return f"{member} has signed the motion."
    if standing is Standing.WITHDRAWN:
        return f"{member} signed the motion and later took their name off."
    return {
        Eligibility.CONVENTION: f"{member} has not signed the motion. They hold an office, and by "
        "convention office holders do not sign. So the letter asks them to raise it in government.",
        Eligibility.CANNOT: f"{member} does not take their seat in the House of Commons, so they "
        "cannot sign the motion. The letter asks for their help in another way.",
        Eligibility.REFUSES: f"{member} has said that they sign no motions. The letter asks for "
        "their help in another way.",
    }.get(eligibility, f"{member} has not signed the motion yet.")


FILTERS: dict[str, Callable[..., Any]] = {
    "number": number,
    "counted": counted,
    "two_digits": two_digits,
    "moment": moment,
    "at_time": at_time,
    "day": day,
    "last_day": last_day,
    "paragraphs": paragraphs,
    "in_one_line": in_one_line,
    "linked": linked,
    "field_name": field_name,
    "party_class": party_class,
    "standing": STANDINGS.__getitem__,
    "role": ROLES.__getitem__,
    "eligibility": ELIGIBILITIES.__getitem__,
    "campaign_status": CAMPAIGN_STATUSES.__getitem__,
    "letter_state": LETTER_STATES.__getitem__,
    "letter_group": LETTER_GROUPS.__getitem__,
    "hold_reason": hold_reason,
    "outcome_phrase": OUTCOME_PHRASES.__getitem__,
    "delivery_state": DELIVERIES.__getitem__,
    "stop_reason": warning_mails.WHY.__getitem__,
    "stop_remedy": warning_mails.WHAT_TO_DO.__getitem__,
}
