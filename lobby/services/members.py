"""Importing members, the seats they hold and their posts."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import sqlalchemy as sa
from sqlmodel import Session, col, select

from lobby.models import Constituency, Member, Membership, Post, PostKind
from lobby.models.base import table_of
from lobby.services import csv_files, texts
from lobby.services.database import insert_ignore, upsert
from lobby.services.errors import Invalid

COLUMNS = {"constituency_gss", "member_id", "name", "party", "elected", "email"}
SPEAKER = "Speaker"
SPEAKER_TITLE = "Speaker of the House of Commons"


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One line of the file: a seat and, unless it is vacant, its member."""

    line: int
    constituency_code: str
    member: Member | None
    elected_on: date
    posts: tuple[tuple[PostKind, str], ...]


@dataclass(frozen=True, slots=True)
class MembersImport:
    """What an import did: rows read, of them vacant, and memberships begun and ended."""

    read: int
    vacant: int
    begun: int
    ended: int
    without_email: int


def import_csv(session: Session, file: Path, *, today: date) -> MembersImport:
    """Bring members, memberships and posts in line with a CSV of seats. All of it, or nothing.

    A seat that the file gives to another member changes hands on that member's `elected` day; a
    seat without a member falls vacant today; seats that the file does not name stay as they are.
    """
    rows = [_parse(file, line, row, today) for line, row in csv_files.rows(file, needed=COLUMNS)]
    _check_whole(session, file, rows)
    members = [row.member.model_dump() for row in rows if row.member]
    upsert(session, table_of(Member), members, key=["id"])
    begun, ended = _change_hands(session, rows, today)
    _replace_posts(session, rows, today)
    vacant = sum(row.member is None for row in rows)
    no_email = sum(row.member is not None and not row.member.email for row in rows)
    return MembersImport(len(rows), vacant, begun, ended, no_email)


def ensure(session: Session, members: list[Member]) -> None:
    """Add members that we have not met, such as a motion's signatories; change none."""
    insert_ignore(session, table_of(Member), [member.model_dump() for member in members])


def post_kind(title: str, rank: str) -> PostKind:
    """Whips are those with a whip's title; all others in government are ministers."""
    if "whip" in title.lower() or rank.lower().startswith("parl"):
        return PostKind.WHIP
    return PostKind.MINISTER


def _parse(file: Path, line: int, row: dict[str, str], today: date) -> MemberRow:
    code = row["constituency_gss"]
    if not row["member_id"]:
        return MemberRow(line, code, None, today, ())
    if not (row["member_id"].isdecimal() and 0 < int(row["member_id"]) < 2**31):
        csv_files.refuse(file, line, f"member_id '{row['member_id']}' is not a number")
    for column in ("name", "party"):
        if not row[column]:
            csv_files.refuse(file, line, f"{column} is empty")
    try:
        elected_on = date.fromisoformat(row["elected"])
        email = texts.email_address(row["email"]) if row["email"] else None
    except (ValueError, Invalid):
        csv_files.refuse(file, line, "elected is not a day (YYYY-MM-DD) or email not an address")
    member = Member(id=int(row["member_id"]), name=row["name"], party=row["party"], email=email)
    return MemberRow(line, code, member, elected_on, _posts(row))


def _posts(row: dict[str, str]) -> tuple[tuple[PostKind, str], ...]:
    posts = []
    if row["party"] == SPEAKER:
        posts.append((PostKind.SPEAKER, SPEAKER_TITLE))
    if title := row.get("government_post"):
        posts.append((post_kind(title, row.get("government_rank", "")), title))
    return tuple(posts)


def _check_whole(session: Session, file: Path, rows: list[MemberRow]) -> None:
    """Refuse a file that names a seat or a member twice, or a seat that we do not know."""
    codes = [row.constituency_code for row in rows]
    ids = [_id_of(row) for row in rows if row.member]
    known = set(session.exec(select(Constituency.code)))
    if not rows:
        raise Invalid("file_inconsistent", f"{file.name} has no rows.")
    problems = {
        "names a constituency that was not imported": set(codes) - known,
        "names a seat twice": _repeated(codes),
        "names a member twice": _repeated(ids),
    }
    for problem, values in problems.items():
        named = [row for row in rows if {row.constituency_code, _id_of(row)} & values]
        if named:
            csv_files.refuse(file, named[-1].line, f"{problem}: {_few(values)}")


def _id_of(row: MemberRow) -> str:
    return str(row.member.id) if row.member else "vacant"


def _repeated(values: Iterable[str]) -> set[str]:
    return {value for value, times in Counter(values).items() if times > 1}


def _few(values: set[str]) -> str:
    return ", ".join(sorted(values)[:5])


def _change_hands(session: Session, rows: list[MemberRow], today: date) -> tuple[int, int]:
    """End what no longer holds before beginning what does: a seat has one open membership."""
    named = {row.constituency_code for row in rows}
    wanted = {row.member.id: row for row in rows if row.member}
    statement = select(Membership).where(col(Membership.ends_on).is_(None))
    unchanged, ended = set(), 0
    for held in session.exec(statement):
        successor = wanted.get(held.member_id)
        if successor and successor.constituency_code == held.constituency_code:
            unchanged.add(held.member_id)
        elif successor or held.constituency_code in named:
            held.ends_on = max(held.starts_on, _handover(rows, held.constituency_code, today))
            ended += 1
    session.flush()
    begun = [
        Membership(
            member_id=member_id,
            constituency_code=row.constituency_code,
            starts_on=row.elected_on,
        )
        for member_id, row in wanted.items()
        if member_id not in unchanged
    ]
    session.add_all(begun)
    session.flush()
    return len(begun), ended


def _handover(rows: list[MemberRow], code: str, today: date) -> date:
    """The day on which a seat's new member was elected, or today where it has none."""
    days = [row.elected_on for row in rows if row.constituency_code == code and row.member]
    return days[0] if days else today


def _replace_posts(session: Session, rows: list[MemberRow], today: date) -> None:
    """End open posts that the file no longer gives, and begin new ones today."""
    filled = [(row.member.id, row.posts) for row in rows if row.member]
    wanted = {(member_id, title): kind for member_id, posts in filled for kind, title in posts}
    ids = [member_id for member_id, _ in filled]
    statement = select(Post).where(col(Post.ends_on).is_(None), col(Post.member_id).in_(ids))
    held = {(post.member_id, post.title): post for post in session.exec(statement)}
    for key, post in held.items():
        if key not in wanted:
            post.ends_on = today
    session.flush()
    session.add_all(
        Post(member_id=member_id, title=title, kind=kind, starts_on=today)
        for (member_id, title), kind in wanted.items()
        if (member_id, title) not in held
    )
    session.flush()


def current_count(session: Session, *, today: date) -> int:
    """How many seats are filled today."""
    statement = select(sa.func.count()).where(
        col(Membership.starts_on) <= today,
        sa.or_(col(Membership.ends_on).is_(None), col(Membership.ends_on) > today),
    )
    return session.exec(statement).one()
