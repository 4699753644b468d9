"""Did the letters matter? The comparison of MPs who got letters with those who got fewer.

It is made from a fixed day: MPs who could sign and hadn't by then, split by the letters that each
had received up to that day, and followed after it. All of them have the same time. Letters until
today against names until today would mislead: MPs who don't sign go on getting letters.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from math import sqrt
from statistics import median_low

FEWEST = 20
"""The number of MPs from which a group is shown."""
MANY = 5
"""The number of letters from which an MP has had many."""
_Z = 1.959963984540054
"""The standard normal quantile of 97.5%, for a range that holds in 95 of 100 cases."""


class Group(StrEnum):
    """How many letters an MP had received: 5 or more, 1 to 4, 0 to 4, 1 or more, or none."""

    MANY = "many"
    SOME = "some"
    FEW = "few"
    ANY = "any"
    NONE = "none"


_IN: dict[Group, Callable[[int], bool]] = {
    Group.MANY: lambda letters: letters >= MANY,
    Group.SOME: lambda letters: 0 < letters < MANY,
    Group.FEW: lambda letters: letters < MANY,
    Group.ANY: lambda letters: letters > 0,
    Group.NONE: lambda letters: letters == 0,
}
_SPLITS = (
    (Group.MANY, Group.SOME, Group.NONE),
    (Group.MANY, Group.FEW),
    (Group.ANY, Group.NONE),
)
"""The ways to split MPs, the finest first. Each MP is in one group of a split."""


@dataclass(frozen=True, slots=True)
class Mp:
    """A member, with their seat and party on the day of the comparison. `party` is its group.

    `could_sign` is about that day: no office, no refusal, takes their seat. `seat` is empty where
    the member held none. `first_letter_on` is the day of the first letter to a member on the
    motion. `letters_by_day` counts those up to the end of the day of the comparison,
    `letters_before` those before the name. `first_name_on` is the day on which their name came onto
    the motion; `is_on_motion` says whether it is there now.
    """

    id: int
    name: str
    seat: str
    party: str
    could_sign: bool = True
    letters_by_day: int = 0
    letters_before: int = 0
    first_letter_on: date | None = None
    first_name_on: date | None = None
    is_on_motion: bool = False

    @property
    def days_from_first(self) -> int | None:
        """The days from the first letter to the name; None where no letter came before it."""
        if not (self.letters_before and self.first_letter_on and self.first_name_on):
            return None
        return (self.first_name_on - self.first_letter_on).days


@dataclass(frozen=True, slots=True)
class Share:
    """How many MPs of a group signed after the day, with the range of the true share.

    `share`, `low` and `high` are from 0 to 1.
    """

    group: Group
    members: int
    signed: int
    low: float
    high: float

    @property
    def share(self) -> float:
        return self.signed / self.members


@dataclass(frozen=True, slots=True)
class Summary:
    """MPs on the motion who signed on the day of the first letter or later.

    `had_letters` of them had a letter before. `middle_days` is the median of the days from the
    first letter to the name, the lower one of two; None without such MPs.
    """

    signed: int
    had_letters: int
    middle_days: int | None


def wilson(count: int, total: int) -> tuple[float, float]:
    """Returns the 95% score interval of a share, from 0 to 1, without continuity correction.

    Source: E. B. Wilson, 'Probable inference, the law of succession, and statistical inference',
    Journal of the American Statistical Association 22 (1927), pages 209-212.
    """
    share, square = count / total, _Z * _Z
    middle = share + square / (2 * total)
    spread = _Z * sqrt(share * (1 - share) / total + square / (4 * total * total))
    scale = 1 + square / total
    # Exact at both ends, where rounding would leave a tiny number.
    low = 0.0 if count == 0 else (middle - spread) / scale
    high = 1.0 if count == total else (middle + spread) / scale
    return low, high


def followed(mps: Iterable[Mp], day: date) -> list[Mp]:
    """Returns those who could sign on the day, and had not signed by its end."""
    return [
        mp for mp in mps if mp.could_sign and (mp.first_name_on is None or mp.first_name_on > day)
    ]


def parties(mps: Iterable[Mp]) -> tuple[str, ...]:
    """Returns the parties with enough of these MPs to be compared, the largest first."""
    sizes: dict[str, int] = {}
    for mp in mps:
        sizes[mp.party] = sizes.get(mp.party, 0) + 1
    large = [party for party, size in sizes.items() if size >= FEWEST]
    return tuple(sorted(large, key=lambda party: (-sizes[party], party)))


def compare(mps: Sequence[Mp], party: str) -> tuple[Share, ...]:
    """Compares `followed` MPs of one party by the letters that they had received by the day.

    The split is the finest in which every group has at least 20 MPs; empty if there is none.
    """
    own = [mp for mp in mps if mp.party == party]
    for split in _SPLITS:
        groups = [[mp for mp in own if _IN[group](mp.letters_by_day)] for group in split]
        if all(len(members) >= FEWEST for members in groups):
            return tuple(map(_share, split, groups))
    return ()


def since_letters(mps: Iterable[Mp], first_letter_on: date) -> list[Mp]:
    """Returns those on the motion who signed on the day of the first letter or later, last first.

    Those of one day are in the order of their names.
    """
    found = [
        mp
        for mp in mps
        if mp.is_on_motion and mp.first_name_on is not None and mp.first_name_on >= first_letter_on
    ]
    return sorted(found, key=lambda mp: (-(mp.first_name_on or date.min).toordinal(), mp.name))


def summary(signed: Sequence[Mp]) -> Summary:
    """Returns the sums over the MPs of `since_letters`."""
    days = [mp.days_from_first for mp in signed if mp.days_from_first is not None]
    had_letters = sum(mp.letters_before > 0 for mp in signed)
    return Summary(len(signed), had_letters, median_low(days) if days else None)


def _share(group: Group, mps: Sequence[Mp]) -> Share:
    signed = sum(mp.is_on_motion for mp in mps)
    low, high = wilson(signed, len(mps))
    return Share(group, len(mps), signed, low, high)
