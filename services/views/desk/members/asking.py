"""Whom a campaign's team should ask next: the lists of the desk, with what to know of each MP.

Only editors and owners may see it: it uses what the team keeps to itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlmodel import Session

from models import Campaign, MemberContact
from services.campaigns import team_records
from services.campaigns.team_records import TeamKnowledge
from services.common import times
from services.parliament import contacts
from services.parliament.seat_snapshots import SeatMember
from services.tallies import recent_letters, seat_table
from services.tallies.seat_table import Tally, TallyRow
from services.targets import ask_lists, desk_reasons, targets
from services.targets.ask_lists import AskList, Said
from services.targets.desk_reasons import DeskReason, Surroundings
from services.targets.reasons import FEW_LETTERS
from services.targets.scores import Target
from services.views import campaign_maps
from services.views.desk.members import member_details
from services.views.desk.members.member_details import MemberDetails

_NO_LIST: frozenset[AskList] = frozenset()
_RING_BACK = frozenset({AskList.RING_BACK})


class LettersSoFar(StrEnum):
    """How many letters an MP has had."""

    NONE = "none"
    FEW = "few"
    MANY = "many"

    def has(self, count: int) -> bool:
        """Returns whether a number of letters is one of these."""
        if count == 0:
            return self is LettersSoFar.NONE
        return self is (LettersSoFar.FEW if count <= FEW_LETTERS else LettersSoFar.MANY)


@dataclass(frozen=True, slots=True)
class AskFilter:
    """Selects MPs: by the group of a party, by a region or nation, by letters so far."""

    party: str = ""
    region: str = ""
    letters: LettersSoFar | None = None

    def keeps(self, row: "AskRow") -> bool:
        """Returns whether a row is one of the selected."""
        return (
            (not self.party or self.party == row.seat.party_group)
            and (not self.region or self.region == row.seat.constituency.region)
            and (self.letters is None or self.letters.has(row.seat.letters_sent))
        )


@dataclass(frozen=True, slots=True)
class AskRow:
    """An MP on one of the lists.

    `target` is None for one who can't be asked, such as an MP to ring back who has signed since.
    `said` is what the MP said last, and `placed_by` the same without an answer that was just
    recorded. `ring_back_on` is the day on which somebody should ring back, today or before. `lists`
    are those that the MP is on, and `shown_on` those on which the page shows them.
    """

    seat: TallyRow
    member: SeatMember
    target: Target | None
    said: Said | None
    placed_by: Said | None
    ring_back_on: date | None
    lists: frozenset[AskList]
    shown_on: frozenset[AskList]


@dataclass(frozen=True, slots=True)
class Asking:
    """All MPs who are on a list, the best to ask first.

    `ranks` are the places of those to ask, from 1, by the id of the member.
    """

    tally: Tally
    rows: tuple[AskRow, ...]
    ranks: Mapping[int, int]
    around: Surroundings

    def shown(self, wanted: AskList, only: AskFilter) -> list[AskRow]:
        """Returns the rows that the page shows on a list, in the order of the list."""
        rows = [row for row in self.rows if wanted in row.shown_on and only.keeps(row)]
        return sorted(rows, key=_ORDERS[wanted]) if wanted in _ORDERS else rows

    def reasons(self, row: AskRow) -> tuple[DeskReason, ...]:
        """Returns what to know before ringing."""
        return desk_reasons.reasons_of(row.seat, row.target, row.said, self.around)

    def public_reasons(self, row: AskRow) -> tuple[DeskReason, ...]:
        """Returns the same without what the team alone knows: for paper and files."""
        return tuple(reason for reason in self.reasons(row) if not reason.is_private)

    def count(self, wanted: AskList, only: AskFilter) -> int:
        """Counts the MPs who are on a list."""
        return sum(wanted in row.lists and only.keeps(row) for row in self.rows)

    def parties(self) -> list[str]:
        """Returns the groups of parties on any list, by name."""
        return sorted({row.seat.party_group or "" for row in self.rows})

    def regions(self) -> list[str]:
        """Returns the regions and nations on any list, by name."""
        return sorted({row.seat.constituency.region for row in self.rows})


def of_campaign(
    session: Session,
    campaign: Campaign,
    *,
    now: datetime,
    tally: Tally | None = None,
    counts_recent: bool = True,
    placed_without: UUID | None = None,
    rung_back: tuple[int, date] | None = None,
) -> Asking:
    """Returns everybody on a list, best first, in a fixed number of statements.

    `tally` is that of the campaign, if it has been read already. Without `counts_recent`, nobody
    counts the letters of the last days, which saves a statement. `placed_without` is an answer that
    was just recorded: the MP keeps the place that they had without it. `rung_back` is an MP who was
    just rung back, with the day, and keeps their place too. Raises Conflict where the campaign has
    no motion, or its motion is no longer before Parliament.
    """
    today = times.today(now)
    tally = tally or seat_table.of_campaign(session, campaign, now=now)
    scored = {
        target.facts.member_id: target for target in targets.assessed(session, campaign, tally)
    }
    known = team_records.knowledge(session, campaign.id, today=today, just_recorded=placed_without)
    around = desk_reasons.surroundings(
        tally.rows,
        recent_letters=recent_letters.by_member(session, campaign.id, now=now)
        if counts_recent
        else None,
        neighbours=campaign_maps.neighbours_of(tally),
        today=today,
    )
    rings = known.ring_backs | ({rung_back[0]: rung_back[1]} if rung_back else {})
    rows = [
        _row(seat, seat.member, scored.get(seat.member.id), known, rings, today)
        for seat in tally.rows
        if seat.member and (seat.member.id in scored or seat.member.id in rings)
    ]
    rows.sort(key=lambda row: _sort_key(row, today))
    asked = (row.member.id for row in rows if AskList.TO_ASK in row.shown_on)
    ranks = {member_id: rank for rank, member_id in enumerate(asked, start=1)}
    return Asking(tally, tuple(rows), ranks, around)


def contacts_of(session: Session, rows: Sequence[AskRow]) -> dict[int, list[MemberContact]]:
    """Returns how to reach the offices of some MPs, in one statement."""
    return contacts.of_members(session, [row.member.id for row in rows])


def details_of(
    session: Session, campaign: Campaign, rows: Sequence[AskRow]
) -> dict[int, MemberDetails]:
    """Returns the same with what the team recorded about them, in one statement."""
    return member_details.of_members(session, campaign.id, [row.member.id for row in rows])


def _row(
    seat: TallyRow,
    member: SeatMember,
    target: Target | None,
    known: TeamKnowledge,
    rings: Mapping[int, date],
    today: date,
) -> AskRow:
    """Returns a row of a member who can be asked or is to be rung back.

    `rings` are the days of those whom the page shows as to be rung back.
    """
    said = placed_by = None
    lists = shown_on = _NO_LIST
    if target is not None:
        said = placed_by = ask_lists.last_said(seat, known.answers.get(member.id))
        lists = shown_on = ask_lists.lists_of(said, today=today)
        if member.id in known.before:
            placed_by = ask_lists.last_said(seat, known.before[member.id])
            shown_on = ask_lists.lists_of(placed_by, today=today)
    if member.id in known.ring_backs:
        lists |= _RING_BACK
    if member.id in rings:
        shown_on |= _RING_BACK
    ring_back_on = rings.get(member.id)
    return AskRow(seat, member, target, said, placed_by, ring_back_on, lists, shown_on)


def _sort_key(row: AskRow, today: date) -> tuple[bool, bool, float, int]:
    """Sorts old promises first, and then as `services/targets/scores.py` does."""
    is_first = row.placed_by is not None and row.placed_by.is_old_promise(today)
    score = row.target.score if row.target else 0.0
    return (row.target is None, not is_first, -score, row.member.id)


def _day_of(row: AskRow) -> int:
    return row.placed_by.day.toordinal() if row.placed_by else 0


_ORDERS: dict[AskList, Callable[[AskRow], int]] = {
    AskList.RING_BACK: lambda row: row.ring_back_on.toordinal() if row.ring_back_on else 0,
    AskList.SAID_YES: _day_of,
    AskList.SAID_NO: lambda row: -_day_of(row),
}
"""Who has waited longest comes first, and the newest 'no'. Other lists have the best first."""
