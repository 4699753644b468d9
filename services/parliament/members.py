"""Updates members, their seats and their offices from any source.

A CSV and the Members API both go through `apply_rows`. Source of the rules on seats and offices:
`docs/guide/parliament.md`.
"""

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
from services.parliament import salutations

COLUMNS = {"constituency_gss", "member_id", "name", "party", "elected", "email"}
SPEAKER = "Speaker"
SPEAKER_TITLE = "Speaker of the House of Commons"
WHIPS = ("whip", "lord commissioner", "hm household")


@dataclass(frozen=True, slots=True)
class OfficeRow:
    """An office as a source gives it; without `starts_on` it begins on the day of the update."""

    kind: OfficeKind
    title: str
    starts_on: date | None = None
    ends_on: date | None = None

    def is_held(self, today: date) -> bool:
        """Returns whether the office has not ended by `today`."""
        return self.ends_on is None or self.ends_on > today


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A seat and, unless it is vacant, its member.

    `since` is the day on which the member was elected, or on which we saw that the seat is vacant.
    `offices` can include ended ones, which give the day on which an office ended. If `all_offices`
    is False, an open office that is not among them continues.
    """

    constituency_code: str
    member: Member | None
    since: date
    offices: tuple[OfficeRow, ...] = ()
    all_offices: bool = True


@dataclass(frozen=True, slots=True)
class MemberChanges:
    """How many memberships and offices began and ended."""

    begun: int
    ended: int
    offices_begun: int
    offices_ended: int


@dataclass(frozen=True, slots=True)
class MembersImport:
    """Counts of an import: rows, vacant seats among them, and memberships begun and ended."""

    read: int
    vacant: int
    begun: int
    ended: int
    without_email: int


NumberedRows = list[tuple[int, MemberRow]]
NO_DEPARTURES: Mapping[int, date] = MappingProxyType({})


def import_csv(session: Session, file: Path, *, today: date) -> MembersImport:
    """Updates members, memberships and offices from a CSV of seats: the whole file, or nothing.

    A seat that the file gives to another member passes to them on their `elected` day. A seat
    without a member becomes vacant today. Seats that the file does not name do not change. Raises
    Invalid, with the file and the line, where a row does not fit.
    """
    cells = csv_reading.rows(file, needed=COLUMNS)
    lines = [(line, _parse(file, line, row, today)) for line, row in cells]
    _refuse_inconsistent(session, file, lines)
    rows = [row for _, row in lines]
    changes = apply_rows(session, rows, today=today)
    return MembersImport(
        read=len(rows),
        vacant=sum(row.member is None for row in rows),
        begun=changes.begun,
        ended=changes.ended,
        without_email=count_without_email(rows),
    )


def apply_rows(
    session: Session,
    rows: list[MemberRow],
    *,
    today: date,
    left_on: Mapping[int, date] = NO_DEPARTURES,
) -> MemberChanges:
    """Updates members, memberships and offices from rows, at most one for a seat or a member.

    A seat without a row does not change, unless its member now has another seat. An office begins
    and ends on the days that the source gives, or else today. `left_on` gives the day on which a
    member left the House, by id, where the source knows it. Applying the same rows again changes
    nothing.
    """
    members = [row.member.model_dump() for row in rows if row.member]
    upsert(session, table_of(Member), members, key=["id"])
    ended = _end_memberships(session, rows, today, left_on)
    begun = _begin_memberships(session, rows)
    offices_begun, offices_ended = _replace_offices(session, rows, today)
    return MemberChanges(begun, ended, offices_begun, offices_ended)


def get(session: Session, member_id: int) -> Member:
    """Returns the member that a row refers to by its id, whether in office or not."""
    return session.get_one(Member, member_id)


def seat_of(session: Session, member_id: int, *, today: date) -> str | None:
    """Returns the GSS code of the seat that a member holds, or None."""
    statement = select(Membership.constituency_code).where(
        Membership.member_id == member_id,
        col(Membership.starts_on) <= today,
        sa.or_(col(Membership.ends_on).is_(None), col(Membership.ends_on) > today),
    )
    return session.exec(statement).first()


def count_without_email(rows: list[MemberRow]) -> int:
    """Counts the members without an email address, who cannot get letters."""
    return sum(row.member is not None and not row.member.email for row in rows)


def count_filled_seats(session: Session, *, today: date) -> int:
    statement = select(sa.func.count()).where(
        col(Membership.starts_on) <= today,
        sa.or_(col(Membership.ends_on).is_(None), col(Membership.ends_on) > today),
    )
    return session.exec(statement).one()


def ensure(session: Session, members: list[Member]) -> None:
    """Adds members that we do not have yet, such as a motion's signatories; changes none."""
    insert_ignore(session, table_of(Member), [member.model_dump() for member in members])


def office_kind(title: str, rank: str) -> OfficeKind:
    """Returns WHIP for a whip's title or rank, and MINISTER for all others in government."""
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
    member = Member(
        id=int(row["member_id"]),
        name=row["name"],
        party=row["party"],
        email=email,
        salutation=salutations.of_member(row.get("title_name", ""), row.get("family_name", "")),
    )
    return MemberRow(code, member, since, _offices(row))


def _offices(row: dict[str, str]) -> tuple[OfficeRow, ...]:
    offices = []
    if row["party"] == SPEAKER:
        offices.append(OfficeRow(OfficeKind.SPEAKER, SPEAKER_TITLE))
    if title := row.get("government_post"):
        offices.append(OfficeRow(office_kind(title, row.get("government_rank", "")), title))
    return tuple(offices)


def _refuse_inconsistent(session: Session, file: Path, lines: NumberedRows) -> None:
    """Refuses a file that names a seat or a member twice, or a seat that we do not know."""
    codes = [row.constituency_code for _, row in lines]
    ids = [_id_of(row) for _, row in lines if row.member]
    known_codes = set(session.exec(select(Constituency.code)))
    if not lines:
        raise Invalid("file_inconsistent", f"{file} has no rows.")
    problems = {
        "names a constituency that was not imported": set(codes) - known_codes,
        "names a seat twice": _repeated(codes),
        "names a member twice": _repeated(ids),
    }
    for problem, values in problems.items():
        affected = [line for line, row in lines if {row.constituency_code, _id_of(row)} & values]
        if affected:
            csv_reading.refuse(file, affected[-1], f"{problem}: {_few(values)}")


def _id_of(row: MemberRow) -> str:
    return str(row.member.id) if row.member else "vacant"


def _repeated(values: Iterable[str]) -> set[str]:
    return {value for value, times in Counter(values).items() if times > 1}


def _few(values: set[str]) -> str:
    return ", ".join(sorted(values)[:5])


def _end_memberships(
    session: Session, rows: list[MemberRow], today: date, left_on: Mapping[int, date]
) -> int:
    """Runs before memberships begin, since a seat can have only one open membership."""
    days = {row.constituency_code: row.since for row in rows}
    seats = {row.member.id: row.constituency_code for row in rows if row.member}
    ended = 0
    for membership in session.exec(select(Membership).where(col(Membership.ends_on).is_(None))):
        seat, code = seats.get(membership.member_id), membership.constituency_code
        if seat != code and (seat or code in days):
            day = days.get(code, today)
            last_day = min(day, left_on.get(membership.member_id, day))
            membership.ends_on = max(membership.starts_on, last_day)
            ended += 1
    session.flush()
    return ended


def _begin_memberships(session: Session, rows: list[MemberRow]) -> int:
    """Begins memberships, or reopens one that we ended after the day on which the source says that
    it began: the source had only left the member out, and there was no second election."""
    filled = {(row.member.id, row.constituency_code): row for row in rows if row.member}
    last_memberships = _last_memberships(session, [member_id for member_id, _ in filled])
    begun = 0
    for (member_id, code), row in filled.items():
        last = last_memberships.get((member_id, code))
        if last is None or (last.ends_on and last.ends_on <= row.since):
            new = Membership(member_id=member_id, constituency_code=code, starts_on=row.since)
            session.add(new)
        elif last.ends_on:
            last.ends_on = None
        else:
            continue
        begun += 1
    session.flush()
    return begun


def _last_memberships(session: Session, ids: list[int]) -> dict[tuple[int, str], Membership]:
    """Returns the open or else the latest membership of each member in each seat."""
    memberships = session.exec(select(Membership).where(col(Membership.member_id).in_(ids)))
    ordered = sorted(memberships, key=lambda row: (row.ends_on or date.max, row.starts_on))
    return {(row.member_id, row.constituency_code): row for row in ordered}


def _replace_offices(session: Session, rows: list[MemberRow], today: date) -> tuple[int, int]:
    """Begins and ends offices, and returns how many of each."""
    by_member = {row.member.id: row for row in rows if row.member}
    wanted = {
        (member_id, office.title): office
        for member_id, row in by_member.items()
        for office in sorted(
            row.offices, key=lambda office: office.starts_on or today, reverse=True
        )
        if office.is_held(today)
    }
    open_offices = select(Office).where(
        col(Office.ends_on).is_(None), col(Office.member_id).in_(by_member)
    )
    stored = {(office.member_id, office.title): office for office in session.exec(open_offices)}
    for key, office in stored.items():
        _update_open_office(office, wanted.get(key), by_member[office.member_id], today)
    session.flush()  # first: a member can have only one open office of a title
    new = [key for key in wanted if key not in stored or stored[key].ends_on]
    session.add_all(
        _new_office(member_id, wanted[member_id, title], today) for member_id, title in new
    )
    session.flush()
    return len(new), sum(office.ends_on is not None for office in stored.values())


def _update_open_office(
    office: Office, wanted: OfficeRow | None, row: MemberRow, today: date
) -> None:
    """Ends an office that the source no longer names or that began again, or corrects its start."""
    begins = wanted.starts_on or office.starts_on if wanted else None
    if begins and begins <= office.starts_on:
        office.starts_on = begins
    elif begins or row.all_offices:
        ends = [
            other.ends_on
            for other in row.offices
            if other.title == office.title
            and other.ends_on
            and office.starts_on <= other.ends_on <= today
        ]
        office.ends_on = max(ends, default=begins or today)


def _new_office(member_id: int, row: OfficeRow, today: date) -> Office:
    starts_on = row.starts_on or today
    return Office(member_id=member_id, kind=row.kind, title=row.title, starts_on=starts_on)
