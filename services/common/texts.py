"""What people may write into a form, before it reaches a database, a page or a header."""

import contextlib
import re
import unicodedata
from collections.abc import Sequence
from datetime import date
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

from services.errors import FieldError, Invalid

MAX_NAME = 100
_SPACES = re.compile(r"[ \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
# No character by itself: the categories Cc (but for tabs and newlines) and Cs, which never change.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
# Those, whatever breaks a line (also Zl and Zp), and embeddings, overrides and isolates: they show
# a text in another order than it has.
_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028-\u202e\u2066-\u2069]")
_LINK = re.compile(r"://|\bwww\.|@", re.IGNORECASE)
# Addresses whose parts the library looks at each for itself, and takes the local one as it is: in
# small letters, since it writes some names so (RFC 2142), and too short for any limit of length.
_PLAIN_ADDRESS = re.compile(
    r"(?P<local>[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*)@(?P<domain>[a-zA-Z0-9.-]+)", re.ASCII
)
_SHORT = 128
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
    """One line of text: trimmed, composed (NFC), fit for a header, with plain spaces.

    `=?` is refused because mail programs decode it, which could smuggle a header.
    """
    text = _SPACES.sub(" ", unicodedata.normalize("NFC", text)).strip(" \t")
    if _UNFIT.search(text):
        message = "Please leave out line breaks, tabs and other characters that cannot be seen."
        raise Invalid.field(field, "control_character", message)
    if _is_encoded_word(text):
        raise Invalid.field(field, "not_allowed", "Please leave out the characters '=?'.")
    return _within(text if visible(text) else "", field, shortest, longest)


def is_fit_for_header(text: str) -> bool:
    """Whether a text keeps to one line, in its order, and is decoded by no mail program."""
    return not _UNFIT.search(text) and not _is_encoded_word(text)


def fit_for_header(text: str) -> str:
    """The text with a space for whatever makes it unfit: for rows from before it was refused."""
    text = _UNFIT.sub(" ", text)
    if _is_encoded_word(text):
        text = visible(text).replace("=?", "= ?")
    return _SPACES.sub(" ", text).strip()


def visible(text: str) -> str:
    """As it looks: compatible forms (full-width, ligatures) folded, invisible letters left out."""
    plain = unicodedata.normalize("NFKC", text)
    if plain.isascii():
        return plain
    return "".join(letter for letter in plain if unicodedata.category(letter) != "Cf")


def paragraphs(text: str, field: str, *, longest: int, shortest: int = 0) -> str:
    """Several lines of text; any kind of line break becomes a newline."""
    text = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").strip()
    if _CONTROL.search(text):
        message = "Please leave out control characters."
        raise Invalid.field(field, "control_character", message)
    return _within(text, field, shortest, longest)


def person_name(text: str, field: str = "name") -> str:
    """A person's name. Links and addresses are refused: names are shown in mails to strangers."""
    name = line(text, field, longest=MAX_NAME)
    if _LINK.search(name) or not any(letter.isalpha() for letter in name):
        raise Invalid.field(field, "name_malformed", "Please give your name, without links.")
    return name


def email_address(text: str, field: str = "email") -> str:
    """An e-mail address as it is to be written to; nothing is asked of the network."""
    text = text.strip(" \t\u00a0")
    found = _PLAIN_ADDRESS.fullmatch(text)
    domain = _accepted_domain(found["domain"]) if found and len(text) <= _SHORT else None
    taken = f"{found['local']}@{domain}" if found and domain else _accepted_address(text)
    if taken is None or "=?" in taken:  # which mailboxes may have, but no header
        message = "Please give an e-mail address such as name@example.org."
        raise Invalid.field(field, "email_malformed", message)
    return taken


@lru_cache(maxsize=10_000)
def _accepted_domain(domain: str) -> str | None:
    """The domain as it is written to, or None. Most people share a few, and to check one takes the
    library as long as all else about a signature."""
    taken = _accepted_address(f"a@{domain}")
    return taken.rpartition("@")[2] if taken else None


def _accepted_address(text: str) -> str | None:
    try:
        valid = validate_email(text, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError:
        return None
    # A domain with letters beyond ASCII in the form that mail servers use (RFC 5891).
    return valid.ascii_email or valid.normalized


def canonical_email(address: str) -> str:
    """The form in which two spellings of one mailbox are equal.

    The domain in lower case; Gmail ignores dots and `+tag`, other known providers `+tag`. Nothing
    else is folded: elsewhere the local part belongs to the domain's owner (RFC 5321, 2.4).
    """
    local, _, domain = address.rpartition("@")
    domain = domain.lower()
    if domain in _PLUS_DOMAINS:
        local = local.partition("+")[0].lower()
    if domain in _DOTLESS_DOMAINS:
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}"


def day(text: str, field: str) -> date:
    """A day as YYYY-MM-DD and nothing else."""
    with contextlib.suppress(ValueError):
        found = date.fromisoformat(text)
        if found.isoformat() == text:
            return found
    message = "Give a day as year, month and day, such as 2026-05-03."
    raise Invalid.field(field, "day_malformed", message)


def number(text: str, field: str, *, least: int, most: int) -> str:
    """A whole number in plain digits; `1,200` is understood."""
    digits = text.replace(",", "").strip()
    if not re.fullmatch(r"[0-9]{1,12}", digits) or not least <= int(digits) <= most:
        message = f"Give a whole number from {least:,} to {most:,}, or leave it empty."
        raise Invalid.field(field, "number_malformed", message)
    return str(int(digits))


def slug(text: str, field: str = "slug") -> str:
    """A name for addresses: lower-case letters, digits and single hyphens."""
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", text) or len(text) > 80:
        message = "Use lower-case letters, digits and single hyphens, at most 80."
        raise Invalid.field(field, "slug_malformed", message)
    return text


def as_slug(text: str, *, longest: int) -> str:
    """A text in the form of a slug, of as many whole words as fit; "" where nothing of it can be
    written so, as of another script."""
    plain = unicodedata.normalize("NFKD", text).replace("'", "").encode("ascii", "ignore").decode()
    found = "-".join(re.findall("[a-z0-9]+", plain.lower()))
    if len(found) <= longest:
        return found
    return found[: longest + 1].rpartition("-")[0] or found[:longest]


def together(problems: Sequence[Invalid]) -> Invalid:
    """Several wrong fields as one error, so that a form shows them all at once."""
    fields: tuple[FieldError, ...] = sum((problem.fields for problem in problems), ())
    return Invalid("invalid", "Some fields need another look.", fields)


def _is_encoded_word(text: str) -> bool:
    """Also in full-width letters, or with invisible ones between."""
    return "=?" in visible(text)


def _within(text: str, field: str, shortest: int, longest: int) -> str:
    if len(text) < shortest:
        message = "Please fill this in." if not text else f"At least {shortest} characters, please."
        raise Invalid.field(field, "too_short", message)
    if len(text) > longest:
        raise Invalid.field(field, "too_long", f"At most {longest} characters, please.")
    return text
