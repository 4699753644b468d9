"""Reads answers of mail servers: enhanced status codes (RFC 3463), and texts without addresses."""

import re

LONGEST = 300
# The mailbox or its domain does not exist, the address is malformed, or the mailbox is disabled. A
# mailbox that is full (5.2.2) or refuses us by policy (5.7) is not dead.
DEAD = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})
_CODE = r"[245]\.[0-9]{1,3}\.[0-9]{1,3}"
_SOMEWHERE = re.compile(rf"(?<![0-9.]){_CODE}(?![0-9.])")
_AT_ONCE = re.compile(rf"5[0-9][0-9][ -](?P<code>{_CODE})(?![0-9.])")
_ADDRESS = re.compile(r"(?:\"[^\"]{1,100}\"|[^\s<>()\[\],;:]{1,200})@[^\s<>()\[\],;:]{1,200}")


def status_in(text: str) -> str | None:
    """Returns the first enhanced status in a text, such as 5.1.1."""
    match = _SOMEWHERE.search(text)
    return match.group() if match else None


def refusal_in(detail: str) -> str | None:
    """Returns the enhanced status of an answer such as '550 5.1.1 no such box', or None."""
    match = _AT_ONCE.match(detail)
    return match["code"] if match else None


def safe_text(text: str) -> str:
    """Returns a server's text on one line, with at most 300 characters and without addresses.

    The text is stored unencrypted and shown to organisers, so that it must not name a recipient.
    """
    printable = "".join(
        character if character.isprintable() else " " for character in text[: 4 * LONGEST]
    )
    anonymous = _ADDRESS.sub("[address]", " ".join(printable.split()))
    return anonymous[:LONGEST].strip()
