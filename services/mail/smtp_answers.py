"""What mail servers say of a message: their codes (RFC 3463), and their words without addresses."""

import re

LONGEST = 300
# The mailbox, its domain or the whole address does not exist, or was switched off. A mailbox that
# is full (5.2.2) or refuses us by a rule (5.7) is not dead.
DEAD = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})
_CODE = r"[245]\.[0-9]{1,3}\.[0-9]{1,3}"
_SOMEWHERE = re.compile(rf"(?<![0-9.]){_CODE}(?![0-9.])")
_AT_ONCE = re.compile(rf"5[0-9][0-9][ -](?P<code>{_CODE})(?![0-9.])")
_ADDRESS = re.compile(r"(?:\"[^\"]{1,100}\"|[^\s<>()\[\],;:]{1,200})@[^\s<>()\[\],;:]{1,200}")


def status_in(text: str) -> str | None:
    """The first enhanced status in a text, such as 5.1.1."""
    found = _SOMEWHERE.search(text)
    return found.group() if found else None


def refusal_in(detail: str) -> str | None:
    """The enhanced status of an answer such as '550 5.1.1 no such box'; None for others."""
    found = _AT_ONCE.match(detail)
    return found["code"] if found else None


def words(text: str) -> str:
    """A server's words on one line, at most 300 characters. Addresses are left out: whose mail came
    back is told by rows, and these words are stored and shown as they are."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text[: 4 * LONGEST])
    without = _ADDRESS.sub("[address]", " ".join(shown.split()))
    return without[:LONGEST].strip()
