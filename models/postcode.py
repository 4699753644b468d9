"""What the postcode directory says about a postcode."""

from dataclasses import dataclass
from enum import StrEnum


class PostcodeStatus(StrEnum):
    """How a postcode was found in the directory."""

    FOUND = "found"
    TERMINATED = "terminated"
    """Royal Mail no longer uses it, but people still type the postcode they grew up with."""
    NO_CONSTITUENCY = "no_constituency"
    """It is in the directory, but the source gives no constituency for it."""
    UNKNOWN = "unknown"
    """Well formed, but not in the directory: too new, mistyped, or left out on import."""
    NOT_IN_UK_PARLIAMENT = "not_in_uk_parliament"
    """It is in Jersey, Guernsey or the Isle of Man, which send no member to Westminster."""


@dataclass(frozen=True, slots=True)
class PostcodeResult:
    """What a lookup found. `postcode` is in normal form; `constituency_code` is a GSS code.

    A postcode has the status `no_constituency` where the source gives no code, mostly for new
    buildings. A terminated postcode keeps the code of the place where it used to be.
    """

    postcode: str
    status: PostcodeStatus
    constituency_code: str | None
