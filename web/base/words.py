"""Template filters: enum values in words, numbers with separators, times in London."""

import re
import textwrap
import unicodedata
from collections.abc import Callable, Collection
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import quote

from markupsafe import Markup, escape

from models import (
    AccountEventKind,
    CampaignStatus,
    DeliveryState,
    EventKind,
    LetterOutcome,
    LetterState,
    OfficeKind,
    OverrideKind,
    QuickAnswerKind,
    ReplyKind,
)
from services.common import markdown, times
from services.letters.drafting import situations
from services.letters.queue_overview import LetterGroup
from services.parliament.standing import Eligibility, Role, Standing, StatedIntent
from services.tallies import tally_exports
from services.tallies.neighbours import FEWEST
from services.views.timelines import Entry, Kind
from services.webhooks import warning_mails

_FIRST_NUMBER = re.compile(r"\+?[\d\s().-]+")
# A full stop or a bracket behind an address belongs to the sentence.
_LINK = re.compile(r"(https?://[^\s<>\"]*[^\s<>\".,;:!?)’'])")
LONGEST_DESCRIPTION = 200  # the characters that search engines and messengers show

ACCOUNT_EVENTS = {
    AccountEventKind.SIGNED_IN: "Signed in",
    AccountEventKind.SIGN_IN_FAILED: "Failed to sign in",
    AccountEventKind.SIGNED_OUT: "Signed out",
    AccountEventKind.SESSION_ENDED: "Signed out another device",
    AccountEventKind.PASSWORD_CHANGED: "Password changed",
    AccountEventKind.PASSWORD_RESET: "New password chosen by an emailed link",
    AccountEventKind.SECOND_STEP_ADDED: "Two-step sign-in set up",
    AccountEventKind.SECOND_STEP_RESET: "Two-step sign-in removed",
    AccountEventKind.RECOVERY_CODES_MADE: "New recovery codes made",
    AccountEventKind.RECOVERY_CODE_USED: "Recovery code used",
    AccountEventKind.INVITED: "Invited",
    AccountEventKind.INVITATION_ENDED: "Invitation ended",
    AccountEventKind.JOINED: "Joined",
    AccountEventKind.ROLE_CHANGED: "Role changed",
    AccountEventKind.REMOVED: "Removed",
    AccountEventKind.DOWNLOADED: "Downloaded signatures",
    AccountEventKind.LOOKED_UP: "Looked up a supporter",
}
STANDINGS = {
    Standing.SIGNED: "Signed",
    Standing.NOT_SIGNED: "Not yet",
    Standing.WITHDRAWN: "Signed, then withdrew",
}
ROLES = {
    Role.PRIMARY: "Primary sponsor",
    Role.SPONSOR: "Sponsor",
    Role.SUPPORTER: "Supporter",
}
# Of those who have not signed.
ELIGIBILITIES = {
    Eligibility.CAN_SIGN: STANDINGS[Standing.NOT_SIGNED],
    Eligibility.CONVENTION: "In office: doesn’t sign motions",
    Eligibility.CANNOT: "Doesn’t take their seat",
    Eligibility.REFUSES: "Says they sign no motions",
    Eligibility.VACANT: "No MP at the moment",
}
OFFICES = {
    OfficeKind.MINISTER: "Minister",
    OfficeKind.WHIP: "Party whip",
    OfficeKind.PPS: "Minister’s aide",
    OfficeKind.SPEAKER: "Speaker",
    OfficeKind.DEPUTY_SPEAKER: "Deputy Speaker",
}
STATED_INTENTS = {
    StatedIntent.WILL_SIGN: "Said they will sign",
    StatedIntent.WILL_NOT: "Said they won’t sign",
}
REPLIES = {
    ReplyKind.WILL_SIGN: STATED_INTENTS[StatedIntent.WILL_SIGN],
    ReplyKind.WILL_NOT: STATED_INTENTS[StatedIntent.WILL_NOT],
    ReplyKind.UNDECIDED: "Said they haven’t decided",
    ReplyKind.MINISTERS_REPLY: "Passed on a minister’s reply",
    ReplyKind.MEETING: "Agreed to meet",
    ReplyKind.OTHER: "Replied",
}
ORGANISER_NOTES = {
    OverrideKind.SAYS_WILL_SIGN: STATED_INTENTS[StatedIntent.WILL_SIGN],
    OverrideKind.SAYS_WILL_NOT: STATED_INTENTS[StatedIntent.WILL_NOT],
}
# What an MP's office told the team on the telephone.
QUICK_ANSWERS = {
    QuickAnswerKind.WILL_SIGN: STATED_INTENTS[StatedIntent.WILL_SIGN],
    QuickAnswerKind.WILL_NOT: STATED_INTENTS[StatedIntent.WILL_NOT],
    QuickAnswerKind.NO_ANSWER: "No answer on the telephone",
}
# What an override says of an MP, after 'your team recorded that they'.
RECORDED = {
    OverrideKind.SAYS_WILL_SIGN: "will sign",
    OverrideKind.SAYS_WILL_NOT: "won’t sign",
    OverrideKind.REFUSES: "don’t sign motions",
    OverrideKind.PPS: "are a minister’s aide",
}
SORTS = {
    "constituency": "Constituency, A to Z",
    "-signatures": "Most signatures first",
    "-signatures_per_1000": "Most signatures per 1,000 voters first",
    "-letters_sent": "Most letters first",
    "member": "MP, A to Z",
    "party": "Party, A to Z",
    "signed_on": "First to sign first",
}
CAMPAIGN_STATUSES = {
    CampaignStatus.DRAFT: "Draft: only your organisation can see it",
    CampaignStatus.OPEN: "Open",
    CampaignStatus.CLOSED: "This campaign has ended",
    CampaignStatus.WON: "This campaign has been won",
    CampaignStatus.LOST: "This campaign was not won",
}
# The same for organisers, on a tag, with the class of the tag.
CAMPAIGN_TAGS = {
    CampaignStatus.DRAFT: ("Draft", "warn"),
    CampaignStatus.OPEN: ("Open", "good"),
    CampaignStatus.CLOSED: ("Closed", ""),
    CampaignStatus.WON: ("Won", "good"),
    CampaignStatus.LOST: ("Ended", ""),
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
# What a campaign's date is, before its day. News and other dates need no word.
ENTRY_KINDS: dict[Kind, str] = {
    "news": "",
    "debate": "Debate",
    "delivery": "Handing in the petition",
    "vote": "Vote",
    "other": "",
}
# The kinds of dates that an organiser can choose from.
EVENT_KINDS = {
    EventKind.DEBATE: "Debate",
    EventKind.VOTE: "Vote",
    EventKind.DELIVERY: "Handing in the petition",
    EventKind.OTHER: "Something else",
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
    "motion_linked": "The campaign has a motion now, and asks its MPs to sign it.",
    "standing_changed": "The MP has signed since, removed their name, or changed office: the "
    "letter no longer fits.",
    **situations.REASONS,
}
# What a writer can say about the reply to their letter.
OUTCOME_CHOICES = {
    LetterOutcome.ANSWERED: "Yes, I got a reply",
    LetterOutcome.ACKNOWLEDGED: "I only got an automatic reply",
    LetterOutcome.NOT_ANSWERED: "Not yet",
}
# The same after 'You told us that the office': for the page that confirms what they said.
OUTCOME_PHRASES = {
    LetterOutcome.ANSWERED: "has replied",
    LetterOutcome.ACKNOWLEDGED: "has only sent an automatic reply",
    LetterOutcome.NOT_ANSWERED: "hasn’t replied yet",
}
REPLY_CHOICES = {
    ReplyKind.WILL_SIGN: "They will sign it",
    ReplyKind.WILL_NOT: "They won’t sign it",
    ReplyKind.UNDECIDED: "They haven’t decided",
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
FIELDS = {
    "token": "The link",
    "after": "The page",
    "sort": "Order",
    # Those of the builder, by the labels that its steps show.
    "hero_line": "First line of the page",
    "body": "Why it matters",
    "action": "What you ask for",
    "addressed_to": "Whom you ask",
    "background": "What the petition says",
    "closes_on": "Last day for signing",
    "closes_time": "Time on that day",
    "purpose": "What the motion asks for",
    "purpose_welsh": "The same in Welsh",
    "alt": "What it shows",
    "credit": "Who made it",
}


def number(value: int) -> str:
    """Formats a number: `12345` -> `12,345`."""
    return f"{value:,}"


def counted(value: int, noun: str, plural: str = "") -> str:
    """Returns `1 signature` or `1,200 signatures`. The default plural is the noun with an s."""
    return f"{value:,} {noun if value == 1 else plural or f'{noun}s'}"


def in_public(value: int) -> str:
    """Formats a number of people that strangers read: `fewer than 5`, or `12,345`."""
    return tally_exports.FEW if value < FEWEST else number(value)


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


def entry_time(entry: Entry) -> str:
    """Says when an entry of a timeline is: its day, and the time where people have to be there."""
    if isinstance(entry.when, datetime) and entry.kind != "news":
        return moment(entry.when)
    return day(entry.when)


def last_day(end: datetime) -> str:
    """Formats the last day before an end at midnight: `31 December 2026`."""
    return times.day(end - timedelta(microseconds=1))


def lower_first(text: str) -> str:
    """Returns a text for the middle of a sentence: `Petition` -> `petition`, but `MPs` stays."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def in_one_line(text: str) -> str:
    """Shortens a text to one line of at most `LONGEST_DESCRIPTION` characters."""
    return textwrap.shorten(text, LONGEST_DESCRIPTION, placeholder=" …").strip()


def paragraphs(text: str) -> list[str]:
    """Splits a text at empty lines."""
    return [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]


def in_markdown(text: str) -> Markup:
    """Returns the HTML of a text in our small Markdown, which is safe to show."""
    return Markup(markdown.html(text))  # noqa: S704 - all text in it is escaped


def without_markdown(text: str) -> str:
    """Returns a text in our small Markdown without its marks, for descriptions."""
    return markdown.plain(text)


def linked(text: str) -> Markup:
    """Returns escaped HTML with the web addresses in the text as links."""
    parts = _LINK.split(text)
    return Markup().join(
        Markup('<a href="{0}">{0}</a>').format(part) if index % 2 else escape(part)
        for index, part in enumerate(parts)
    )


def dialled(telephone: str) -> str:
    """Returns the address of a link that rings the first number in a text as printed, or "".

    `020 7946 0101 x 12` -> `tel:+442079460101`.
    """
    found = _FIRST_NUMBER.match(telephone.strip())
    number = re.sub(r"[^\d+]", "", found[0].replace("(0)", "")) if found else ""
    if not 10 <= len(number.lstrip("+")) <= 15:  # the longest that there is (E.164)
        return ""
    return f"tel:+44{number[1:]}" if number.startswith("0") else f"tel:{number}"


def mailed(email: str) -> str:
    """Returns the address of a link that writes to an email address."""
    return f"mailto:{quote(email, safe='@')}"


def field_name(field: str) -> str:
    """Names a field: `letters_sent` -> `Letters sent`."""
    return FIELDS.get(field) or field.replace("_", " ").replace(".", " ").capitalize()


def party_class(party: str) -> str:
    """Returns the name of a party for a class of the style sheet: `Sinn Féin` -> `sinn-fein`."""
    plain = unicodedata.normalize("NFKD", party).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def standing_of(
    standing: Standing, eligibility: Eligibility, offices: Collection[OfficeKind]
) -> str:
    """Says in a few words what an MP did about a motion: `Minister: doesn’t sign motions`."""
    if standing is not Standing.NOT_SIGNED:
        return STANDINGS[standing]
    if eligibility is Eligibility.CONVENTION:
        for office, name in OFFICES.items():
            if office in offices:
                return f"{name}: doesn’t sign motions"
    return ELIGIBILITIES[eligibility]


def reply_choices(*, has_motion: bool) -> dict[ReplyKind, str]:
    """Returns what an MP can have said to a letter. Without a motion, nothing about signing."""
    signing = (ReplyKind.WILL_SIGN, ReplyKind.WILL_NOT)
    return {kind: text for kind, text in REPLY_CHOICES.items() if has_motion or kind not in signing}


def hold_reason(reason: str) -> str:
    """Says why a letter is held, to organisers of its campaign."""
    return HOLD_REASONS.get(reason) or field_name(reason)


FILTERS: dict[str, Callable[..., Any]] = {
    "account_event": ACCOUNT_EVENTS.__getitem__,
    "number": number,
    "counted": counted,
    "in_public": in_public,
    "two_digits": two_digits,
    "moment": moment,
    "at_time": at_time,
    "day": day,
    "dialled": dialled,
    "mailed": mailed,
    "clock": times.clock,
    "time_and_day": times.time_and_day,
    "last_day": last_day,
    "paragraphs": paragraphs,
    "in_one_line": in_one_line,
    "lower_first": lower_first,
    "markdown": in_markdown,
    "without_markdown": without_markdown,
    "event_kind": EVENT_KINDS.__getitem__,
    "entry_kind": ENTRY_KINDS.__getitem__,
    "entry_time": entry_time,
    "linked": linked,
    "field_name": field_name,
    "party_class": party_class,
    "role": ROLES.__getitem__,
    "campaign_status": CAMPAIGN_STATUSES.__getitem__,
    "campaign_tag": CAMPAIGN_TAGS.__getitem__,
    "near": times.near,
    "short_day": times.short_day,
    "reply": REPLIES.__getitem__,
    "quick_answer": QUICK_ANSWERS.__getitem__,
    "recorded": RECORDED.__getitem__,
    "weekday": times.weekday,
    "letter_state": LETTER_STATES.__getitem__,
    "letter_group": LETTER_GROUPS.__getitem__,
    "hold_reason": hold_reason,
    "outcome_phrase": OUTCOME_PHRASES.__getitem__,
    "delivery_state": DELIVERIES.__getitem__,
    "stop_reason": warning_mails.WHY.__getitem__,
    "stop_remedy": warning_mails.WHAT_TO_DO.__getitem__,
}
