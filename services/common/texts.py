"""Checks and normalises texts that people enter, before they reach a database, page or header.

The functions raise `Invalid` for the named field, with a message for people.
"""

import contextlib
import re
import unicodedata
from collections.abc import Sequence
from datetime import date, time

from email_validator import EmailNotValidError, validate_email

from services.common.mail_providers import GREAT_PROVIDERS
from services.errors import FieldError, Invalid

MAX_NAME = 100
_SPACES = re.compile(r"[ \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
# The Unicode categories Cc, except tabs and newlines, and Cs.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
# Cc, Cs, everything that breaks a line (also Zl and Zp), and the embeddings, overrides and isolates
# that display a text in another order.
_UNFIT_FOR_HEADER = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028-\u202e\u2066-\u2069]")
_LINK = re.compile(r"://|\bwww\.|@", re.IGNORECASE)
# Addresses whose local part email_validator accepts unchanged: in lower case, because it lowers
# some names (RFC 2142), and too short for any limit of length.
_PLAIN_ADDRESS = re.compile(
    r"(?P<local>[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*)@(?P<domain>[a-zA-Z0-9.-]+)", re.ASCII
)
_LONGEST_PLAIN_ADDRESS = 128
_CLOCK_TIME = re.compile(
    r"(?P<hour>[0-9]{1,2})(?:[:.](?P<minute>[0-9]{2}))?(?::[0-9]{2})? ?(?P<half>am|pm)?", re.ASCII
)
_FOLDED = str.maketrans({"-": " ", "\u2010": " ", "\u2013": " ", "'": None, "\u2019": None})
_DOTLESS_DOMAINS = frozenset({"gmail.com", "googlemail.com"})
_PLUS_DOMAINS = _DOTLESS_DOMAINS | {
    "fastmail.com",
    "hotmail.co.uk",
    "hotmail.com",
    "icloud.com",
    "live.co.uk",
    "live.com",
    "me.com",
    "outlook.com",
    "proton.me",
    "protonmail.com",
}


def line(text: str, field: str, *, longest: int, shortest: int = 1) -> str:
    """Returns one line of text: trimmed, composed (NFC), fit for a header, with plain spaces.

    `=?` is refused because email programs decode it, which could smuggle in a header.
    """
    text = _SPACES.sub(" ", unicodedata.normalize("NFC", text)).strip(" \t")
    if _UNFIT_FOR_HEADER.search(text):
        message = "Please leave out line breaks, tabs and other characters that cannot be seen."
        raise Invalid.field(field, "control_character", message)
    if _is_encoded_word(text):
        raise Invalid.field(field, "not_allowed", "Please leave out the characters '=?'.")
    return _within(text if visible(text) else "", field, shortest, longest)


def is_fit_for_header(text: str) -> bool:
    """Returns whether a text is one line, in its own order, and no encoded word."""
    return not _UNFIT_FOR_HEADER.search(text) and not _is_encoded_word(text)


def fit_for_header(text: str) -> str:
    """Replaces what is unfit for a header by spaces, for rows older than the check in `line`."""
    text = _UNFIT_FOR_HEADER.sub(" ", text)
    if _is_encoded_word(text):
        text = visible(text).replace("=?", "= ?")
    return _SPACES.sub(" ", text).strip()


def visible(text: str) -> str:
    """Folds compatible forms (full-width letters, ligatures) and removes invisible letters."""
    folded = unicodedata.normalize("NFKC", text)
    if folded.isascii():
        return folded
    return "".join(letter for letter in folded if unicodedata.category(letter) != "Cf")


def folded(text: str) -> str:
    """Returns a text for searching: without case, accents, apostrophes, hyphens and extra spaces.

    `Ynys Môn` -> `ynys mon`, `Stoke-on-Trent` -> `stoke on trent`.
    """
    letters = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return " ".join(plain.translate(_FOLDED).split())


def paragraphs(text: str, field: str, *, longest: int, shortest: int = 0) -> str:
    """Returns trimmed, composed (NFC) text of any number of lines, with `\\n` as line break."""
    text = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").strip()
    if _CONTROL.search(text):
        message = "Please leave out control characters."
        raise Invalid.field(field, "control_character", message)
    return _within(text, field, shortest, longest)


def person_name(text: str, field: str = "name") -> str:
    """Returns a person's name, without links and addresses: emails to strangers show names."""
    name = line(text, field, longest=MAX_NAME)
    if _LINK.search(name) or not any(letter.isalpha() for letter in name):
        raise Invalid.field(
            field, "name_malformed", "Enter your name. It can't contain a web address"
        )
    return name


def email_address(text: str, field: str = "email") -> str:
    """Returns an email address in the form to send to. Does not use the network."""
    text = text.strip(" \t\u00a0")
    address = _at_great_provider(text) or _normalised_address(text)
    if address is None or "=?" in address:  # allowed in mailboxes, but not in headers
        message = "Enter an email address in the correct format, like name@example.com"
        raise Invalid.field(field, "email_malformed", message)
    return address


def _at_great_provider(text: str) -> str | None:
    """Returns the same as `_normalised_address` for plain addresses at great providers, else None.

    It is there because email_validator takes as long as all other work on a signature, and most
    people have such an address. The list is fixed, and there is no cache: the time tells nothing
    about other people's addresses.
    """
    plain = _PLAIN_ADDRESS.fullmatch(text) if len(text) <= _LONGEST_PLAIN_ADDRESS else None
    if plain is None or (domain := plain["domain"].lower()) not in GREAT_PROVIDERS:
        return None
    return f"{plain['local']}@{domain}"


def _normalised_address(text: str) -> str | None:
    try:
        address = validate_email(text, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError:
        return None
    # `ascii_email` has the form of an international domain that mail servers use (RFC 5891).
    return address.ascii_email or address.normalized


def canonical_email(address: str) -> str:
    """Returns a form of an address that is equal for all spellings of one mailbox.

    The domain is in lower case. Gmail ignores dots and `+tag`, other known providers `+tag`.
    Nothing else is folded: only a domain's owner may interpret the local part (RFC 5321, 2.4).
    """
    local, _, domain = address.rpartition("@")
    domain = domain.lower()
    if domain in _PLUS_DOMAINS:
        local = local.partition("+")[0].lower()
    if domain in _DOTLESS_DOMAINS:
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}"


def day(text: str, field: str) -> date:
    """Parses a day written as YYYY-MM-DD; other forms are refused."""
    with contextlib.suppress(ValueError):
        parsed = date.fromisoformat(text)
        if parsed.isoformat() == text:
            return parsed
    message = "Give a day as year, month and day, such as 2026-05-03."
    raise Invalid.field(field, "day_malformed", message)


def clock_time(text: str, field: str) -> time:
    """Parses a time of the day, such as `14:30` or `2.30pm`."""
    match = _CLOCK_TIME.fullmatch(text.strip().lower())
    if match:
        hour, minute, half = int(match["hour"]), int(match["minute"] or 0), match["half"]
        is_said = bool(half or match["minute"])  # `14` alone could be anything
        if half and 1 <= hour <= 12:
            hour = hour % 12 + (12 if half == "pm" else 0)
        elif half:
            hour = 24
        if is_said and hour < 24 and minute < 60:
            return time(hour, minute)
    raise Invalid.field(field, "time_malformed", "Give a time, such as 14:30 or 2.30pm.")


def number(text: str, field: str, *, least: int, most: int) -> str:
    """Returns a whole number as digits, without the commas of a number such as `1,200`."""
    digits = text.replace(",", "").strip()
    if not re.fullmatch(r"[0-9]{1,12}", digits) or not least <= int(digits) <= most:
        message = f"Give a whole number from {least:,} to {most:,}, or leave it empty."
        raise Invalid.field(field, "number_malformed", message)
    return str(int(digits))


def slug(text: str, field: str = "slug") -> str:
    """Checks a name for URLs: lower-case letters, digits and single hyphens."""
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", text) or len(text) > 80:
        message = "Use lower-case letters, digits and single hyphens, at most 80."
        raise Invalid.field(field, "slug_malformed", message)
    return text


def as_slug(text: str, *, longest: int) -> str:
    """Makes a slug from a text, of as many whole words as fit.

    Returns "" if the text has no letters or digits that ASCII can express.
    """
    ascii_text = (
        unicodedata.normalize("NFKD", text).replace("'", "").encode("ascii", "ignore").decode()
    )
    words = "-".join(re.findall("[a-z0-9]+", ascii_text.lower()))
    if len(words) <= longest:
        return words
    return words[: longest + 1].rpartition("-")[0] or words[:longest]


def combined(problems: Sequence[Invalid]) -> Invalid:
    """Combines the errors of several fields into one, so that a form shows them all at once."""
    fields: tuple[FieldError, ...] = sum((problem.fields for problem in problems), ())
    return Invalid("invalid", "Some fields need another look.", fields)


def _is_encoded_word(text: str) -> bool:
    # Also in full-width letters, or with invisible letters in between.
    return "=?" in visible(text)


def _within(text: str, field: str, shortest: int, longest: int) -> str:
    if len(text) < shortest:
        message = "Please fill this in." if not text else f"At least {shortest} characters, please."
        raise Invalid.field(field, "too_short", message)
    if len(text) > longest:
        raise Invalid.field(field, "too_long", f"At most {longest} characters, please.")
    return text
