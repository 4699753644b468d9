"""What the MPs of each party have done about a motion."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from services.parliament.standing import Eligibility, Standing, StatedIntent
from services.tallies.seat_table import TallyRow

OTHERS = "Others"
_OWN_ROW = 5
"""The number of seats from which a party has a row of its own."""


class Part(StrEnum):
    """What an MP has done; every MP is in one part.

    `left`: can sign, has not, and did not say no. `said_no`: can sign, but said no or took their
    name off. `does_not_sign`: ministers and others who do not sign motions, and have not signed.
    """

    SIGNED = "signed"
    LEFT = "left"
    SAID_NO = "said_no"
    DOES_NOT_SIGN = "does_not_sign"


@dataclass(frozen=True, slots=True)
class PartyRow:
    """The MPs of a party with those who sit with it, or of all small parties.

    `parties` names the small ones, and is empty for a party.
    """

    name: str
    members: int
    signed: int
    left: int
    said_no: int
    does_not_sign: int
    parties: tuple[str, ...] = ()


def part_of(row: TallyRow) -> Part | None:
    """Returns the part of a seat's MP; None where the seat is vacant."""
    if row.member is None:
        return None
    if row.standing is Standing.SIGNED:
        return Part.SIGNED
    if row.eligibility is not Eligibility.CAN_SIGN:
        return Part.DOES_NOT_SIGN
    is_asked = row.standing is Standing.NOT_SIGNED and row.said is not StatedIntent.WILL_NOT
    return Part.LEFT if is_asked else Part.SAID_NO


def left_to_ask(rows: Iterable[TallyRow]) -> int:
    """Counts the MPs whom the campaign can still ask: as many as it has targets."""
    return sum(part_of(row) is Part.LEFT for row in rows)


def of_rows(rows: Iterable[TallyRow]) -> tuple[PartyRow, ...]:
    """Returns the parties, those with most MPs left to ask first and small ones together last.

    One small party alone keeps its name.
    """
    parts: defaultdict[str, Counter[Part]] = defaultdict(Counter)
    for row in rows:
        part = part_of(row)
        if part is not None and row.party_group is not None:
            parts[row.party_group][part] += 1
    small = sorted(name for name, counts in parts.items() if counts.total() < _OWN_ROW)
    if len(small) < 2:
        small = []
    large = [_row(name, counts) for name, counts in parts.items() if name not in small]
    ordered = sorted(large, key=lambda row: (-row.left, -row.members, row.name))
    return (*ordered, *([_others(parts, small)] if small else []))


def _others(parts: dict[str, Counter[Part]], small: Sequence[str]) -> PartyRow:
    together: Counter[Part] = Counter()
    for name in small:
        together.update(parts[name])
    return _row(OTHERS, together, tuple(small))


def _row(name: str, counts: Counter[Part], parties: tuple[str, ...] = ()) -> PartyRow:
    return PartyRow(
        name=name,
        members=counts.total(),
        signed=counts[Part.SIGNED],
        left=counts[Part.LEFT],
        said_no=counts[Part.SAID_NO],
        does_not_sign=counts[Part.DOES_NOT_SIGN],
        parties=parties,
    )
