"""What the lobby can say about a postcode."""

from dataclasses import dataclass
from enum import StrEnum


class PostcodeStatus(StrEnum):
    """How much the postcode directory knows of a postcode."""

    FOUND = "found"
    TERMINATED = "terminated"
    """Royal Mail no longer uses it; people still type the one they grew up with."""
    UNKNOWN = "unknown"
    """Well formed, but not in the directory: newer than it, mistyped, or left out of it."""
    NOT_IN_UK_PARLIAMENT = "not_in_uk_parliament"
    """Jersey, Guernsey and the Isle of Man send no member to Westminster."""


@dataclass(frozen=True, slots=True)
class PostcodeResult:
    """`postcode` is in normal form. `constituency_code` is a GSS code.

    A postcode that is found has no code where the source gives it none (new buildings, mostly). A
    terminated one keeps the code of the place where it used to be.
    """

    postcode: str
    status: PostcodeStatus
    constituency_code: str | None
