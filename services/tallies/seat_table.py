"""The tally of a campaign: each seat's standing towards its motion, with signatures and letters.

The numbers come from the counters that `services/tallies/counts.py` maintains.
"""

import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from models import (
    Campaign,
    CampaignMotion,
    LetterTally,
    MemberOverride,
    Motion,
    OfficeKind,
    ParliamentSession,
    Petition,
    PetitionTally,
)
from models.constituency import OVERSEAS
from services.campaigns import member_replies
from services.campaigns.member_replies import VerifiedReply
from services.errors import Invalid
from services.parliament import parties, seats
from services.parliament.hex_grid import Cell
from services.parliament.seat_snapshots import SeatConstituency, SeatMember
from services.parliament.seats import Seat
from services.parliament.standing import (
    NOT_SIGNED,
    Eligibility,
    Position,
    Role,
    Standing,
    StatedIntent,
    eligibility_of,
)
from services.tallies import counts, seat_rows

# Built once: building them costs more than running them.
_CAMPAIGN: sa.BindParameter[UUID] = sa.bindparam("campaign_id", type_=sa.Uuid)
_MOTION = (
    sa.select(Motion, col(ParliamentSession.name))
    .join(CampaignMotion, col(CampaignMotion.motion_id) == Motion.id)
    .outerjoin(ParliamentSession, col(ParliamentSession.id) == col(Motion.parliament_session_id))
    .where(col(CampaignMotion.campaign_id) == _CAMPAIGN, col(CampaignMotion.is_current))
)
_SIGNATURES = (
    sa.select(
        col(PetitionTally.constituency_code),
        sa.func.sum(col(PetitionTally.confirmed)),
        sa.literal(0),
        sa.literal(0),
    )
    .join(Petition, col(Petition.id) == PetitionTally.petition_id)
    .where(col(Petition.campaign_id) == _CAMPAIGN)
    .group_by(col(PetitionTally.constituency_code))
)
_LETTERS = sa.select(
    col(LetterTally.constituency_code),
    sa.literal(0),
    col(LetterTally.sent),
    col(LetterTally.opened),
).where(
    col(LetterTally.campaign_id) == _CAMPAIGN,
    col(LetterTally.motion_key) == sa.bindparam("motion_key"),
)
_COUNTS = sa.union_all(_SIGNATURES, _LETTERS)
LinkedMotion = tuple[Motion | None, str | None]
"""A campaign's current motion, and the name of its session of Parliament."""


class TallyRow(NamedTuple):
    """One seat of a tally. `role` and `signed_on` are set only where the member has signed.

    `signed_earlier` is True where the member's name is on an earlier motion of the campaign, such
    as that of the last session. `reply` is the member's last verified reply, and `note` the last
    override on what they said; `said` follows from the later of the two.
    """

    constituency: SeatConstituency
    member: SeatMember | None
    standing: Standing
    role: Role | None
    signed_on: date | None
    eligibility: Eligibility
    signatures: int
    letters_sent: int
    letters_opened: int
    signed_earlier: bool = False
    said: StatedIntent | None = None
    reply: VerifiedReply | None = None
    note: MemberOverride | None = None
    offices: frozenset[OfficeKind] = frozenset()

    @property
    def party(self) -> str | None:
        """The member's party, or None where the seat is vacant."""
        return self.member.party if self.member else None

    @property
    def party_name(self) -> str | None:
        """The name of the party to show, or None where the seat is vacant."""
        return parties.display_name(self.member.party) if self.member else None

    @property
    def party_group(self) -> str | None:
        """The party with which the member's party sits, or None where the seat is vacant."""
        return parties.group(self.member.party) if self.member else None

    @property
    def electorate(self) -> int | None:
        """The number of electors in the seat, or None where no import gave it."""
        return self.constituency.electorate

    @property
    def signatures_per_1000(self) -> float | None:
        return per_1000(self.signatures, self.electorate)


@dataclass(frozen=True, slots=True)
class Tally:
    """All seats of a campaign, and their sums.

    `signed` and `withdrawn` count distinct members, also those without a seat today. `confirmed`
    counts all signatures; `unknown` and `overseas` are those of them outside the seats.
    `cells` are the stored places of seats on the map, and `map_credit` names its authors.
    """

    as_of: datetime
    motion: Motion | None
    parliament_session: str | None
    total: int
    seats_filled: int
    can_sign: int
    signed: int
    withdrawn: int
    confirmed: int
    unknown: int
    overseas: int
    letters_sent: int
    letters_opened: int
    rows: tuple[TallyRow, ...]
    cells: Mapping[str, Cell] = field(default_factory=dict)
    map_credit: str = ""

    @property
    def signed_in_seats(self) -> int:
        """The number of MPs who have signed and hold a seat today: each is in a row."""
        return sum(row.standing is Standing.SIGNED for row in self.rows)


@dataclass(frozen=True, slots=True)
class TallyFilter:
    """Selects and sorts the rows to show; the sums of a tally always cover all seats.

    `eligibilities` keeps any of those named. `signed_since` keeps members who signed on that day or
    later. `party` takes its whole group: 'Labour' keeps Labour (Co-op) too. `search` is a part of
    the name of the member or the constituency, in any case and with or
    without accents. `sort` is a column of the table, with '-' in front for descending; rows without
    a value in it come last in both directions.
    """

    standing: Standing | None = None
    eligibilities: frozenset[Eligibility] = frozenset()
    party: str | None = None
    nation: str | None = None
    region: str | None = None
    signed_since: date | None = None
    said: StatedIntent | None = None
    search: str = ""
    sort: str = "constituency"

    def apply(self, rows: Sequence[TallyRow]) -> tuple[TallyRow, ...]:
        """Returns the matching rows, sorted. Raises Invalid where `sort` names no column."""
        reverse, name = self.sort.startswith("-"), self.sort.removeprefix("-")
        if name not in _SORTS:
            message = f"Sort by one of {', '.join(_SORTS)}, with '-' in front for descending."
            raise Invalid.field("sort", "sort_unknown", message)
        value = _SORTS[name]
        matching = [row for row in rows if self._matches(row)]
        with_value = [row for row in matching if value(row) is not None]
        without_value = [row for row in matching if value(row) is None]
        return (*sorted(with_value, key=value, reverse=reverse), *without_value)

    def _matches(self, row: TallyRow) -> bool:
        return (
            self.standing in (None, row.standing)
            and (not self.eligibilities or row.eligibility in self.eligibilities)
            and _is_of_party(self.party, row)
            and _is_same(self.nation, row.constituency.nation)
            and _is_same(self.region, row.constituency.region)
            and self.said in (None, row.said)
            and _is_since(self.signed_since, row.signed_on)
            and _is_named(self.search, row)
        )


_SORTS: dict[str, Callable[[TallyRow], Any]] = {
    "constituency": lambda row: row.constituency.name,
    "member": lambda row: row.member.name if row.member else None,
    "party": lambda row: row.party,
    "standing": lambda row: row.standing,
    "eligibility": lambda row: row.eligibility,
    "signed_on": lambda row: row.signed_on,
    "signatures": lambda row: row.signatures,
    "signatures_per_1000": lambda row: row.signatures_per_1000,
    "letters_sent": lambda row: row.letters_sent,
}


def per_1000(signatures: int, electorate: int | None) -> float | None:
    """Returns the signatures per 1,000 electors to two decimals; None without an electorate."""
    return round(1000 * signatures / electorate, 2) if electorate else None


def of_campaign(
    session: Session, campaign: Campaign, *, now: datetime, linked: LinkedMotion | None = None
) -> Tally:
    """Returns the tally of a campaign, in a fixed number of statements.

    `linked` is its motion, where that has been read already.
    """
    motion, parliament_session = linked or _motion(session, campaign.id)
    positions, earlier, version = seat_rows.names(session, campaign.id)
    signatures, letters = _counts(session, campaign.id, motion.id if motion else None)
    found = seat_rows.all_seats(
        session,
        today=now.date(),
        organisation_id=campaign.organisation_id,
        campaign_id=campaign.id,
        version=version,
    )
    replies = member_replies.latest_verified(session, campaign.id)
    rows = tuple(
        [_row(seat, positions, signatures, letters, earlier, replies) for seat in found.rows]
    )
    standings = [position.standing for position in positions.values()]
    confirmed, overseas = sum(signatures.values()), signatures.get(OVERSEAS, 0)
    return Tally(
        as_of=now,
        motion=motion,
        parliament_session=parliament_session,
        total=len(rows),
        seats_filled=sum(row.member is not None for row in rows),
        can_sign=sum(row.eligibility is Eligibility.CAN_SIGN for row in rows),
        signed=standings.count(Standing.SIGNED),
        withdrawn=standings.count(Standing.WITHDRAWN),
        confirmed=confirmed,
        # Signatures of no seat that we have: 'unknown', and codes that were never imported.
        unknown=confirmed - overseas - sum(row.signatures for row in rows),
        overseas=overseas,
        letters_sent=sum(sent for sent, _ in letters.values()),
        letters_opened=sum(opened for _, opened in letters.values()),
        rows=rows,
        cells=found.cells,
        map_credit=found.credit,
    )


def _note_of_campaign(notes: Sequence[MemberOverride]) -> MemberOverride | None:
    return next((note for note in reversed(notes) if note.kind.is_of_campaign), None)


def _motion(session: Session, campaign_id: UUID) -> LinkedMotion:
    """Returns the current motion and the name of its session of Parliament."""
    found = session.execute(_MOTION, {"campaign_id": campaign_id}).first()
    return (found[0], found[1]) if found else (None, None)


def _is_same(wanted: str | None, value: str | None) -> bool:
    return wanted is None or (value is not None and wanted.casefold() == value.casefold())


def _is_of_party(wanted: str | None, row: TallyRow) -> bool:
    party = row.party
    return wanted is None or (party is not None and parties.is_same_group(wanted, party))


def _is_since(wanted: date | None, day: date | None) -> bool:
    return wanted is None or (day is not None and day >= wanted)


def _is_named(search: str, row: TallyRow) -> bool:
    name = f"{row.constituency.name}\n{row.member.name if row.member else ''}"
    return _plain(search) in _plain(name)


def _plain(text: str) -> str:
    """Returns a text without case and accents: `Ní Ardgail` -> `ni ardgail`."""
    parts = unicodedata.normalize("NFKD", text.strip()).casefold()
    return "".join(char for char in parts if not unicodedata.combining(char))


def _counts(
    session: Session, campaign_id: UUID, motion_id: int | None
) -> tuple[dict[str, int], dict[str, tuple[int, int]]]:
    """Returns signatures, and letters that were sent and opened, by constituency's code."""
    values = {"campaign_id": campaign_id, "motion_key": counts.motion_key(motion_id)}
    signatures: dict[str, int] = {}
    letters: dict[str, tuple[int, int]] = {}
    for code, signed, sent, opened in session.connection().execute(_COUNTS, values).all():
        if signed:
            signatures[code] = int(signed)
        elif sent or opened:
            letters[code] = (sent, opened)
    return signatures, letters


def _row(
    seat: Seat,
    positions: dict[int, Position],
    signatures: dict[str, int],
    letters: dict[str, tuple[int, int]],
    earlier: Collection[int],
    replies: dict[int, VerifiedReply],
) -> TallyRow:
    constituency, member, offices, notes = seat
    member_id = member.id if member else 0
    position = positions.get(member_id, NOT_SIGNED)
    sent, opened = letters.get(constituency.code, (0, 0))
    reply = replies.get(member_id)
    eligibility = eligibility_of(
        party=member.party if member else None,
        offices=offices,
        refuses=bool(notes) and seats.is_refusal_noted(notes),
        standing=position.standing,
    )
    return TallyRow(
        constituency,
        member,
        position.standing,
        position.role,
        position.signed_on,
        eligibility,
        signatures.get(constituency.code, 0),
        sent,
        opened,
        signed_earlier=member_id in earlier,
        said=member_replies.stated_intent(reply, notes) if reply or notes else None,
        reply=reply,
        note=_note_of_campaign(notes) if notes else None,
        offices=offices,
    )
