"""Sums up a tally by party, by nation and by region."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from services.parliament.standing import Eligibility, Standing
from services.tallies.seat_table import Tally, TallyRow, per_1000

VACANT = "Vacant"


class Grouping(StrEnum):
    """What the seats are grouped by."""

    PARTY = "party"
    NATION = "nation"
    REGION = "region"


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """The seats of one party with those that sit with it, or of one nation or region.

    `signed_in_seats` equals `signed`, since every member of a row holds a seat.
    `signed_of_can_sign` is between 0 and 1, to three decimals; None where nobody can sign.
    `electorate` is None unless that of every seat is known, so that `signatures_per_1000` compares
    signatures and electors of the same seats.
    """

    name: str
    seats: int
    seats_filled: int
    can_sign: int
    signed: int
    withdrawn: int
    signed_of_can_sign: float | None
    signatures: int
    letters_sent: int
    electorate: int | None
    signatures_per_1000: float | None

    @property
    def signed_in_seats(self) -> int:
        return self.signed


@dataclass(frozen=True, slots=True)
class TallySummary:
    """The sums of a tally by three groupings. Each seat is in one row of each grouping.

    Rows with most seats come first, and vacant seats last. `signed_without_seat` and
    `withdrawn_without_seat` count members on the motion who no longer have a seat. These are in no
    row, nor are signatures of no known seat; the rows and these add up to the tally.
    """

    tally: Tally
    by_party: tuple[SummaryRow, ...]
    by_nation: tuple[SummaryRow, ...]
    by_region: tuple[SummaryRow, ...]
    signed_without_seat: int
    withdrawn_without_seat: int

    def by(self, grouping: Grouping) -> tuple[SummaryRow, ...]:
        return {
            Grouping.PARTY: self.by_party,
            Grouping.NATION: self.by_nation,
            Grouping.REGION: self.by_region,
        }[grouping]


def of_tally(tally: Tally) -> TallySummary:
    """Sums up a whole tally, without a query."""
    return TallySummary(
        tally=tally,
        by_party=_group(tally.rows, lambda row: row.party_group or VACANT),
        by_nation=_group(tally.rows, lambda row: row.constituency.nation),
        by_region=_group(tally.rows, lambda row: row.constituency.region),
        signed_without_seat=tally.signed - _count_standing(tally.rows, Standing.SIGNED),
        withdrawn_without_seat=tally.withdrawn - _count_standing(tally.rows, Standing.WITHDRAWN),
    )


def _group(rows: Sequence[TallyRow], name_of: Callable[[TallyRow], str]) -> tuple[SummaryRow, ...]:
    groups: defaultdict[str, list[TallyRow]] = defaultdict(list)
    for row in rows:
        groups[name_of(row)].append(row)
    summary_rows = [_row(name, group) for name, group in groups.items()]
    return tuple(sorted(summary_rows, key=lambda row: (row.name == VACANT, -row.seats, row.name)))


def _row(name: str, rows: Sequence[TallyRow]) -> SummaryRow:
    can_sign = sum(row.eligibility is Eligibility.CAN_SIGN for row in rows)
    signed = _count_standing(rows, Standing.SIGNED)
    signatures = sum(row.signatures for row in rows)
    electorate = _electorate(rows)
    return SummaryRow(
        name=name,
        seats=len(rows),
        seats_filled=sum(row.member is not None for row in rows),
        can_sign=can_sign,
        signed=signed,
        withdrawn=_count_standing(rows, Standing.WITHDRAWN),
        signed_of_can_sign=round(signed / can_sign, 3) if can_sign else None,
        signatures=signatures,
        letters_sent=sum(row.letters_sent for row in rows),
        electorate=electorate,
        signatures_per_1000=per_1000(signatures, electorate),
    )


def _count_standing(rows: Sequence[TallyRow], standing: Standing) -> int:
    return sum(row.standing is standing for row in rows)


def _electorate(rows: Sequence[TallyRow]) -> int | None:
    electorates = [row.electorate for row in rows if row.electorate]
    return sum(electorates) if len(electorates) == len(rows) else None
