"""All seats of a campaign with their MPs, filtered and sorted: the page 'All MPs' of the desk."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlmodel import Session, col, select

from models import Campaign, Member, MotionSignatory
from models.postcode import PostcodeResult
from services.campaigns import team_records
from services.common import texts, times
from services.errors import Invalid
from services.parliament.standing import Standing
from services.postcodes import directory
from services.tallies import seat_table
from services.tallies.seat_table import Tally, TallyRow
from services.views.desk.members import stances
from services.views.desk.members.stances import MpRow, Stance

# Names of seats and members come again and again.
_folded = lru_cache(maxsize=4096)(texts.folded)
LookUp = Callable[[str], PostcodeResult]
DEFAULT_SORT = "-signatures"


@dataclass(frozen=True, slots=True)
class MpFilter:
    """Selects and sorts rows. `party` is a group of parties, and `region` a region or a nation.

    `search` is a postcode, or words in the name of a seat, English or Welsh, or of its MP, in any
    case and without accents. The whole name of a seat finds that seat alone. `sort` is one of
    `SORTS`, with '-' in front for descending; rows without a value come last both ways.
    """

    standing: Stance | None = None
    party: str = ""
    region: str = ""
    search: str = ""
    sort: str = DEFAULT_SORT


@dataclass(frozen=True, slots=True)
class AllMembers:
    """All rows in order of their seats. `gone` are those on the motion who have no seat any more.

    With `has_answers` the rows know what offices told the team.
    """

    tally: Tally
    rows: tuple[MpRow, ...]
    gone: tuple[Member, ...]
    has_answers: bool

    def shown(self, only: MpFilter, postcodes: LookUp) -> list[MpRow]:
        """Returns the rows that match, sorted."""
        name, is_reversed = only.sort.removeprefix("-"), only.sort.startswith("-")
        value = SORTS[name]
        found = [(value(row), row) for row in self._found(only, postcodes)]
        with_value = [each for each in found if each[0] is not None]
        with_value.sort(key=itemgetter(0), reverse=is_reversed)
        without_value = [each for each in found if each[0] is None]
        return [row for _, row in (*with_value, *without_value)]

    def counts(self, only: MpFilter, postcodes: LookUp) -> dict[Stance, int]:
        """Counts, by what MPs have done, the rows that match everything else in the filter."""
        counts = dict.fromkeys(Stance, 0)
        for row in self._found(replace(only, standing=None), postcodes):
            counts[row.stance] += 1
        return counts

    def parties(self) -> list[str]:
        """Returns the groups of parties, by name."""
        return sorted({row.seat.party_group for row in self.rows if row.seat.party_group})

    def regions(self) -> list[str]:
        """Returns the regions and nations, by name."""
        return sorted({row.seat.constituency.region for row in self.rows})

    def told(self) -> int:
        """Counts the MPs of whom the team alone knows what they will do."""
        return sum(row.is_told for row in self.rows)

    def public(self) -> "AllMembers":
        """Returns the same without what offices told the team: for files."""
        rows = tuple(stances.of_seat(row.seat) for row in self.rows)
        return replace(self, rows=rows, has_answers=False)

    def _found(self, only: MpFilter, postcodes: LookUp) -> list[MpRow]:
        matches = _search(only.search, self.tally.rows, postcodes)
        return [
            row
            for row in self.rows
            if only.standing in (None, row.stance)
            and (not only.party or only.party == row.seat.party_group)
            and (not only.region or only.region == row.seat.constituency.region)
            and matches(row.seat)
        ]


def of_campaign(
    session: Session, campaign: Campaign, *, may_edit: bool, now: datetime
) -> AllMembers:
    """Returns all rows. What offices told the team is for those who may edit."""
    tally = seat_table.of_campaign(session, campaign, now=now)
    rows = rows_of(session, campaign, tally, may_edit=may_edit, now=now)
    return AllMembers(tally, rows, _gone(session, tally), has_answers=may_edit)


def rows_of(
    session: Session, campaign: Campaign, tally: Tally, *, may_edit: bool, now: datetime
) -> tuple[MpRow, ...]:
    """Returns the rows of a tally that has been read."""
    if not may_edit:
        return tuple(stances.of_seat(row) for row in tally.rows)
    known = team_records.knowledge(session, campaign.id, today=times.today(now))
    return tuple(
        stances.of_seat(row, known.answers.get(row.member.id) if row.member else None)
        for row in tally.rows
    )


def seat_at(search: str, postcodes: LookUp) -> str | None:
    """Returns the GSS code of the seat of a postcode, "" if it has none; None for other words."""
    try:
        return postcodes(directory.normalise(search)).constituency_code or ""
    except Invalid:
        return None


def _search(search: str, rows: Sequence[TallyRow], postcodes: LookUp) -> Callable[[TallyRow], bool]:
    """Returns what tells whether a seat is looked for: by postcode, seat or name, in this order."""
    code = seat_at(search, postcodes)
    if code is not None:
        return lambda row: row.constituency.code == code
    wanted = _folded(search)
    exact = {row.constituency.code for row in rows if wanted and wanted in _seat_names(row)}
    if exact:
        return lambda row: row.constituency.code in exact
    words = wanted.split()
    return lambda row: all(word in _names(row) for word in words)


def _seat_names(row: TallyRow) -> tuple[str, str]:
    seat = row.constituency
    return _folded(seat.name), _folded(seat.name_welsh or seat.name)


def _names(row: TallyRow) -> str:
    return "\n".join([*_seat_names(row), _folded(row.member.name if row.member else "")])


def _gone(session: Session, tally: Tally) -> tuple[Member, ...]:
    """Returns the members who have signed and hold no seat; asks only where there are any."""
    seated = {row.member.id for row in tally.rows if row.member}
    signed = sum(row.standing is Standing.SIGNED for row in tally.rows)
    if tally.motion is None or signed == tally.signed:
        return ()
    statement = (
        select(Member)
        .join(MotionSignatory, col(MotionSignatory.member_id) == Member.id)
        .where(MotionSignatory.motion_id == tally.motion.id, ~col(MotionSignatory.is_withdrawn))
        .distinct()
    )
    found = [member for member in session.exec(statement) if member.id not in seated]
    return tuple(sorted(found, key=lambda member: member.name))


_ORDER = list(Stance)
SORTS: dict[str, Callable[[MpRow], Any]] = {
    "constituency": lambda row: _folded(row.seat.constituency.name),
    "member": lambda row: _folded(row.seat.member.name) if row.seat.member else None,
    "standing": lambda row: _ORDER.index(row.stance),
    "signatures": lambda row: row.seat.signatures,
    "signatures_per_1000": lambda row: row.seat.signatures_per_1000,
    "letters_sent": lambda row: row.seat.letters_sent,
    "heard": lambda row: row.heard.day if row.heard else None,
}
