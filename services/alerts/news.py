"""One piece of news, as a digest stores it."""

from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

MOST_NAMES = 10


class NewsKind(StrEnum):
    """What a piece of news says. The most important come first, in an email too."""

    MOTION_WITHDRAWN = "motion_withdrawn"
    MOTION_LAPSED = "motion_lapsed"
    MOTION_RESTORED = "motion_restored"
    GOAL_REACHED = "goal_reached"
    SIGNED = "signed"
    TOOK_OFF = "took_off"
    FOLLOWED = "followed"  # the first look at a motion, or a new link to it
    TOOK_OFF_AND_SIGNED = "took_off_and_signed"
    SIGNED_AND_TOOK_OFF = "signed_and_took_off"
    LETTERS_STUCK = "letters_stuck"
    MAILS_STUCK = "mails_stuck"
    SYNC_FAILING = "sync_failing"
    LETTERS_GO = "letters_go"
    MAILS_GO = "mails_go"
    SYNC_WORKS = "sync_works"


IMPORTANCE = {kind: place for place, kind in enumerate(NewsKind)}


@dataclass(frozen=True, slots=True)
class News:
    """Public facts and counts.

    `names` are those of at most ten members, and `others` counts the rest. `signed` counts the MPs
    on the motion who hold one of the `seats` today. `since` is when a trouble began, or the last
    good answer came.
    """

    what: NewsKind
    campaign: str = ""
    slug: str = ""
    motion: str = ""
    names: tuple[str, ...] = ()
    others: int = 0
    signed: int = 0
    seats: int = 0
    goal: int = 0
    since: datetime | None = None

    def stored(self) -> dict[str, Any]:
        """Returns what JSON can hold."""
        since = self.since.isoformat() if self.since else None
        return asdict(self) | {"names": list(self.names), "since": since}


def from_stored(item: dict[str, Any]) -> News:
    """Returns the news that `stored` has made."""
    since = datetime.fromisoformat(item["since"]) if item["since"] else None
    changes = {"what": NewsKind(item["what"]), "names": tuple(item["names"]), "since": since}
    return News(**(item | changes))
