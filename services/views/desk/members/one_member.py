"""One MP, or a seat without one, for the desk: figures, what is known, and what was recorded."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlmodel import Session

from models import Campaign, Member, MemberContact
from services.campaigns import campaigns, team_records
from services.campaigns.team_records import Answer, TeamEntry
from services.common import times
from services.errors import Conflict, NotFound
from services.parliament import members, motions
from services.parliament.standing import Position
from services.tallies import recent_letters, seat_table
from services.tallies.seat_table import Tally, TallyRow, per_1000
from services.targets import ask_lists, desk_reasons, targets
from services.targets.desk_reasons import DeskReason
from services.views import campaign_maps, member_views
from services.views.desk.members import all_members, member_history, member_letters, stances
from services.views.desk.members.all_members import AllMembers, LookUp, MpFilter
from services.views.desk.members.member_history import Holder, Past, PastKind, Record
from services.views.desk.members.member_letters import SentLetters
from services.views.desk.members.stances import MpRow


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a seat among `of` seats by signatures per 1,000 electors, from 1."""

    number: int
    of: int


@dataclass(frozen=True, slots=True)
class Team:
    """What only editors and owners see: the team's entries, newest first, and how to ring."""

    entries: Sequence[TeamEntry] = ()
    contacts: Sequence[MemberContact] = ()

    @property
    def newest_answer(self) -> Answer | None:
        """Returns the newest answer of the office, if there is one."""
        answers = (Answer(each.kind, each.at) for each in self.entries if each.kind)
        return next(answers, None)


@dataclass(frozen=True, slots=True)
class OnePage:
    """What the page of a seat's MP shows; for a vacant seat without what is about a member.

    `past` is the newest first. `overrides` are those of the organisation in force. `last_holder`
    is set for a vacant seat. `following` is the row that comes next in the list.
    """

    tally: Tally
    row: MpRow
    letters: SentLetters
    place: Place | None
    reasons: tuple[DeskReason, ...]
    past: tuple[Past, ...]
    overrides: tuple[Past, ...]
    team: Team
    last_holder: Holder | None
    following: MpRow | None


@dataclass(frozen=True, slots=True)
class FormerPage:
    """What the page of a member without a seat shows. `seat` is the row of the last one."""

    tally: Tally
    member: Member
    position: Position
    letters: SentLetters
    past: tuple[Past, ...]
    team: Team
    seat: TallyRow | None


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads a page, when, and the list from which they came."""

    may_edit: bool
    now: datetime
    only: MpFilter
    postcodes: LookUp


@dataclass(frozen=True, slots=True)
class _About:
    """What every part of a page is about."""

    session: Session
    campaign: Campaign
    tally: Tally
    reader: Reader

    @property
    def motion_id(self) -> int | None:
        return self.tally.motion.id if self.tally.motion else None

    @property
    def today(self) -> date:
        return times.today(self.reader.now)


def of_member(
    session: Session, campaign: Campaign, member_id: int, reader: Reader
) -> OnePage | FormerPage:
    """Returns the page of a member. Raises NotFound for an unknown one."""
    about = _read(session, campaign, reader)
    for row in about.tally.rows:
        if row.member and row.member.id == member_id:
            return _of_row(about, row, member_id)
    return _former(about, member_views.get_member(session, member_id))


def of_seat(session: Session, campaign: Campaign, code: str, reader: Reader) -> OnePage | int:
    """Returns the page of a vacant seat, or the id of the MP who has it. Raises NotFound."""
    about = _read(session, campaign, reader)
    for row in about.tally.rows:
        if row.constituency.code == code:
            return row.member.id if row.member else _vacant(about, row)
    raise NotFound("constituency_unknown", "There is no such constituency.")


def letters_of(
    session: Session, campaign: Campaign, member_id: int, *, now: datetime
) -> SentLetters:
    """Returns the letters that the page of a member shows. Raises NotFound for an unknown one."""
    member_views.get_member(session, member_id)
    motion = campaigns.motion_of(session, campaign.id)
    motion_id = motion.id if motion else None
    if code := members.seat_of(session, member_id, today=now.date()):
        return member_letters.to_seat(session, campaign.id, motion_id, code)
    return member_letters.to_member(session, campaign.id, motion_id, member_id)


def place_of(row: TallyRow, rows: Sequence[TallyRow]) -> Place | None:
    """Returns the place of a seat; equal figures share one. None without signatures or electors."""
    own = row.signatures_per_1000
    if not own:
        return None
    figures = [per_1000(each.signatures, each.constituency.electorate) for each in rows]
    known = [figure for figure in figures if figure is not None]
    return Place(1 + sum(figure > own for figure in known), len(known))


def _read(session: Session, campaign: Campaign, reader: Reader) -> _About:
    tally = seat_table.of_campaign(session, campaign, now=reader.now)
    return _About(session, campaign, tally, reader)


def _of_row(about: _About, row: TallyRow, member_id: int) -> OnePage:
    letters = _letters_to(about, row)
    record = _record(about, member_id)
    on_record, team = record.past, _team(about, member_id, record)
    own = stances.of_seat(row, team.newest_answer)
    recent = letters.to(member_id, since=_a_week_ago(about))
    overrides = [each for each in on_record if each.kind is PastKind.OVERRIDE]
    return OnePage(
        tally=about.tally,
        row=own,
        letters=letters,
        place=place_of(row, about.tally.rows),
        reasons=_reasons(about, row, recent, team),
        past=_past(about, on_record, letters, team, signed_on=row.signed_on),
        overrides=tuple(each for each in overrides if each.holds(about.today)),
        team=team,
        last_holder=None,
        following=_following(about, own),
    )


def _vacant(about: _About, row: TallyRow) -> OnePage:
    own, letters = stances.of_seat(row), _letters_to(about, row)
    return OnePage(
        tally=about.tally,
        row=own,
        letters=letters,
        place=place_of(row, about.tally.rows),
        reasons=(),
        past=_past(about, [], letters, Team()),
        overrides=(),
        team=Team(),
        last_holder=member_history.last_holder(about.session, row.constituency.code),
        following=_following(about, own),
    )


def _former(about: _About, member: Member) -> FormerPage:
    letters = member_letters.to_member(about.session, about.campaign.id, about.motion_id, member.id)
    record = _record(about, member.id)
    on_record, team = record.past, _team(about, member.id, record)
    position = motions.position_of_member(about.session, about.motion_id or 0, member.id)
    seats = [each for each in on_record if each.kind is PastKind.SEAT]
    last = max(seats, key=_day).detail if seats else ""
    return FormerPage(
        tally=about.tally,
        member=member,
        position=position,
        letters=letters,
        past=_past(about, on_record, letters, team, signed_on=position.signed_on),
        team=team,
        seat=next((row for row in about.tally.rows if row.constituency.code == last), None),
    )


def _letters_to(about: _About, row: TallyRow) -> SentLetters:
    code = row.constituency.code
    return member_letters.to_seat(about.session, about.campaign.id, about.motion_id, code)


def _record(about: _About, member_id: int) -> Record:
    return member_history.of_member(about.session, about.campaign, about.motion_id, member_id)


def _a_week_ago(about: _About) -> datetime:
    return about.reader.now - timedelta(days=recent_letters.DAYS)


def _team(about: _About, member_id: int, record: Record) -> Team:
    if not about.reader.may_edit:
        return Team()
    entries = team_records.entries(about.session, about.campaign.id, [member_id])
    return Team(entries[member_id], record.contacts)


def _reasons(about: _About, row: TallyRow, recent: int, team: Team) -> tuple[DeskReason, ...]:
    """Returns the reasons of the list whom to ask; none for somebody who can't be asked.

    `recent` counts the letters of the last days to this member.
    """
    member_id = row.member.id if row.member else 0
    try:
        found = targets.assessed(about.session, about.campaign, about.tally, only=member_id)
    except Conflict:  # there is nothing to sign
        return ()
    if not found:
        return ()
    (target,) = found
    around = desk_reasons.surroundings(
        about.tally.rows,
        recent_letters={member_id: recent},
        neighbours=campaign_maps.neighbours_of(about.tally),
        today=about.today,
    )
    return desk_reasons.reasons_of(
        row, target, ask_lists.last_said(row, team.newest_answer), around
    )


def _past(
    about: _About,
    on_record: Sequence[Past],
    letters: SentLetters,
    team: Team,
    *,
    signed_on: date | None = None,
) -> tuple[Past, ...]:
    """Returns everything until today, the newest first. Viewers see no reply that isn't checked."""
    motion = about.tally.motion
    found = [each for each in on_record if each.is_checked or about.reader.may_edit]
    found += member_history.ends(found, about.today)
    if motion:
        found.append(Past(PastKind.TABLED, motion.tabled_on, title=motion.number))
    if letters.sent:
        found.append(Past(PastKind.FIRST_LETTER, letters.days[0]))
    if signed_on and not any(each.kind is PastKind.SIGNED for each in found):
        found.append(Past(PastKind.SIGNED, signed_on))
    found += [
        Past(PastKind.ANSWER, times.today(each.at), detail=each.kind.value, title=each.author)
        for each in team.entries
        if each.kind
    ]
    until_today = (each for each in found if each.day <= about.today)
    return tuple(sorted(until_today, key=_day, reverse=True))


def _following(about: _About, own: MpRow) -> MpRow | None:
    """Returns the row after this one in the reader's list, or the first of another list."""
    only, tally = about.reader.only, about.tally
    # What offices told the team matters only in a list by what MPs said.
    needs_answers = about.reader.may_edit and only.standing is not None
    rows = all_members.rows_of(
        about.session, about.campaign, tally, may_edit=needs_answers, now=about.reader.now
    )
    listed = AllMembers(tally, rows, (), has_answers=needs_answers)
    shown = listed.shown(only, about.reader.postcodes)
    codes = [row.seat.constituency.code for row in shown]
    code = own.seat.constituency.code
    after = codes.index(code) + 1 if code in codes else 0
    return shown[after] if after < len(shown) else None


def _day(each: Past) -> int:
    return each.day.toordinal()
