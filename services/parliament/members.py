"""Members, the seats they hold and their offices: one way in for every source of them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import Constituency, Member, Membership, Office, OfficeKind
from models.base import table_of
from services.common import texts
from services.database.engine import insert_ignore, upsert
from services.errors import Invalid
from services.files import csv_reading

COLUMNS = {"constituency_gss", "member_id", "name", "party", "elected", "email"}
SPEAKER = "Speaker"
SPEAKER_TITLE = "Speaker of the House of Commons"
WHIPS = ("whip", "lord commissioner", "hm household")


@dataclass(frozen=True, slots=True)
class HeldOffice:
    """An office as a source tells it. Without `starts_on` it counts from the day we are told."""

    kind: OfficeKind
    title: str
    starts_on: date | None = None
    ends_on: date | None = None

    def is_held(self, today: date) -> bool:
        """True until the day on which it ends."""
        return self.ends_on is None or self.ends_on > today


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A seat and, unless it is vacant, its member.

    `since` is the day on which the member was elected, or the seat seen vacant. `offices` may name
    ended ones, for their days; with `all_offices` False, an office that they leave out goes on.
    """

    constituency_code: str
    member: Member | None
    since: date
    offices: tuple[HeldOffice, ...] = ()
    all_offices: bool = True


@dataclass(frozen=True, slots=True)
class Changes:
    """Memberships and offices that began and ended."""

    begun: int
    ended: int
    offices_begun: int
    offices_ended: int


@dataclass(frozen=True, slots=True)
class MembersImport:
    """What an import did: rows read, of them vacant, and memberships begun and ended."""

    read: int
    vacant: int
    begun: int
    ended: int
    without_email: int


Lines = list[tuple[int, MemberRow]]
NOBODY: Mapping[int, date] = MappingProxyType({})


def import_csv(session: Session, file: Path, *, today: date) -> MembersImport:
    """Bring members, memberships and offices in line with a CSV of seats. All of it, or nothing.

    A seat that the file gives to another member changes hands on that member's `elected` day; a
    seat without a member falls vacant today; seats that the file does not name stay as they are.
    """
    cells = csv_reading.rows(file, needed=COLUMNS)
    lines = [(line, _parse(file, line, row, today)) for line, row in cells]
    _check_whole(session, file, lines)
    rows = [row for _, row in lines]
    done = take_in(session, rows, today=today)
    vacant = sum(row.member is None for row in rows)
    return MembersImport(len(rows), vacant, done.begun, done.ended, count_without_email(rows))


def take_in(
    session: Session, rows: list[MemberRow], *, today: date, left: Mapping[int, date] = NOBODY
) -> Changes:
    """Bring our tables in line with rows that name a seat and a member at most once each.

    A seat without a row stays as it is, unless its member now holds another seat. An office begins
    and ends on the days that the source gives, or else today. `left` gives the day on which a
    member left, where it is known. Applying the same rows again changes nothing.
    """
    members = [row.member.model_dump() for row in rows if row.member]
    upsert(session, table_of(Member), members, key=["id"])
    ended = _end_memberships(session, rows, today, left)
    begun = _begin_memberships(session, rows)
    offices_begun, offices_ended = _replace_offices(session, rows, today)
    return Changes(begun, ended, offices_begun, offices_ended)


def get(session: Session, member_id: int) -> Member:
    """Returns the member that a row refers to by its id, whether in office or not."""
    return session.get_one(Member, member_id)


def count_without_email(rows: list[MemberRow]) -> int:
    """How many members cannot be written to."""
    return sum(row.member is not None and not row.member.email for row in rows)


def ensure(session: Session, members: list[Member]) -> None:
    """Add members that we have not met, such as a motion's signatories; change none."""
    insert_ignore(session, table_of(Member), [member.model_dump() for member in members])


def office_kind(title: str, rank: str) -> OfficeKind:
    """Whips are those with a whip's title; all others in government are ministers."""
    if any(word in title.lower() for word in WHIPS) or rank.lower().startswith("parl"):
        return OfficeKind.WHIP
    return OfficeKind.MINISTER


def _parse(file: Path, line: int, row: dict[str, str], today: date) -> MemberRow:
    code = row["constituency_gss"]
    if not row["member_id"]:
        return MemberRow(code, None, today)
    if not (row["member_id"].isdecimal() and 0 < int(row["member_id"]) < 2**31):
        csv_reading.refuse(file, line, f"member_id '{row['member_id']}' is not a number")
    for column in ("name", "party"):
        if not row[column]:
            csv_reading.refuse(file, line, f"{column} is empty")
    try:
        since = date.fromisoformat(row["elected"])
        email = texts.email_address(row["email"]) if row["email"] else None
    except (ValueError, Invalid):
        csv_reading.refuse(file, line, "elected is not a day (YYYY-MM-DD) or email not an address")
    member = Member(id=int(row["member_id"]), name=row["name"], party=row["party"], email=email)
    return MemberRow(code, member, since, _offices(row))


def _offices(row: dict[str, str]) -> tuple[HeldOffice, ...]:
    offices = []
    if row["party"] == SPEAKER:
        offices.append(HeldOffice(OfficeKind.SPEAKER, SPEAKER_TITLE))
    if title := row.get("government_post"):
        offices.append(HeldOffice(office_kind(title, row.get("government_rank", "")), title))
    return tuple(offices)


def _check_whole(session: Session, file: Path, lines: Lines) -> None:
    """Refuse a file that names a seat or a member twice, or a seat that we do not know."""
    codes = [row.constituency_code for _, row in lines]
    ids = [_id_of(row) for _, row in lines if row.member]
    known = set(session.exec(select(Constituency.code)))
    if not lines:
        raise Invalid("file_inconsistent", f"{file.name} has no rows.")
    problems = {
        "names a constituency that was not imported": set(codes) - known,
        "names a seat twice": _repeated(codes),
        "names a member twice": _repeated(ids),
    }
    for problem, values in problems.items():
        named = [line for line, row in lines if {row.constituency_code, _id_of(row)} & values]
        if named:
            csv_reading.refuse(file, named[-1], f"{problem}: {_few(values)}")


def _id_of(row: MemberRow) -> str:
    return str(row.member.id) if row.member else "vacant"


def _repeated(values: Iterable[str]) -> set[str]:
    return {value for value, times in Counter(values).items() if times > 1}


def _few(values: set[str]) -> str:
    return ", ".join(sorted(values)[:5])


def _end_memberships(
    session: Session, rows: list[MemberRow], today: date, left: Mapping[int, date]
) -> int:
    """End what no longer holds, before anything begins: a seat has one open membership."""
    days = {row.constituency_code: row.since for row in rows}
    seats = {row.member.id: row.constituency_code for row in rows if row.member}
    ended = 0
    for held in session.exec(select(Membership).where(col(Membership.ends_on).is_(None))):
        seat, code = seats.get(held.member_id), held.constituency_code
        if seat != code and (seat or code in days):
            day = days.get(code, today)
            held.ends_on = max(held.starts_on, min(day, left.get(held.member_id, day)))
            ended += 1
    session.flush()
    return ended


def _begin_memberships(session: Session, rows: list[MemberRow]) -> int:
    """Begin what is new. A membership that we ended after the day on which it is now said to
    begin goes on instead: its member had only been missing, and was never elected twice."""
    filled = {(row.member.id, row.constituency_code): row for row in rows if row.member}
    last = _last_memberships(session, [member_id for member_id, _ in filled])
    begun = 0
    for (member_id, code), row in filled.items():
        before = last.get((member_id, code))
        if before is None or (before.ends_on and before.ends_on <= row.since):
            new = Membership(member_id=member_id, constituency_code=code, starts_on=row.since)
            session.add(new)
        elif before.ends_on:
            before.ends_on = None
        else:
            continue
        begun += 1
    session.flush()
    return begun


def _last_memberships(session: Session, ids: list[int]) -> dict[tuple[int, str], Membership]:
    """The open or else the latest membership of each member in each seat."""
    found = session.exec(select(Membership).where(col(Membership.member_id).in_(ids)))
    ordered = sorted(found, key=lambda row: (row.ends_on or date.max, row.starts_on))
    return {(row.member_id, row.constituency_code): row for row in ordered}


def _replace_offices(session: Session, rows: list[MemberRow], today: date) -> tuple[int, int]:
    """Begins and ends offices, and returns how many. A member has one open office of a title."""
    told = {row.member.id: row for row in rows if row.member}
    wanted = {
        (member_id, office.title): office
        for member_id, row in told.items()
        for office in sorted(
            row.offices, key=lambda office: office.starts_on or today, reverse=True
        )
        if office.is_held(today)
    }
    open_offices = select(Office).where(
        col(Office.ends_on).is_(None), col(Office.member_id).in_(told)
    )
    held = {(office.member_id, office.title): office for office in session.exec(open_offices)}
    for key, office in held.items():
        _settle(office, wanted.get(key), told[office.member_id], today)
    session.flush()  # before anything begins: a member has one open office of a title
    new = [key for key in wanted if key not in held or held[key].ends_on]
    session.add_all(
        _new_office(member_id, wanted[member_id, title], today) for member_id, title in new
    )
    session.flush()
    return len(new), sum(office.ends_on is not None for office in held.values())


def _settle(office: Office, wanted: HeldOffice | None, row: MemberRow, today: date) -> None:
    """Ends an open office that the source no longer names or that began again; or fixes its day."""
    begins = wanted.starts_on or office.starts_on if wanted else None
    if begins and begins <= office.starts_on:
        office.starts_on = begins
    elif begins or row.all_offices:
        ends = [
            told.ends_on
            for told in row.offices
            if told.title == office.title
            and told.ends_on
            and office.starts_on <= told.ends_on <= today
        ]
        office.ends_on = max(ends, default=begins or today)


def _new_office(member_id: int, told: HeldOffice, today: date) -> Office:
    starts_on = told.starts_on or today
    return Office(member_id=member_id, kind=told.kind, title=told.title, starts_on=starts_on)


def current_count(session: Session, *, today: date) -> int:
    """How many seats are filled today."""
    statement = select(sa.func.count()).where(
        col(Membership.starts_on) <= today,
        sa.or_(col(Membership.ends_on).is_(None), col(Membership.ends_on) > today),
    )
    return session.exec(statement).one()
