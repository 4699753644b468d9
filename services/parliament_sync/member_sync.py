"""Bringing members in line with Parliament's Members API: what its answers may change."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date

from sqlmodel import Session, col, select

from models import Constituency, Member, Membership, OfficeKind
from services.errors import Conflict
from services.parliament import members
from services.parliament.members import SPEAKER, SPEAKER_TITLE, MemberRow, OfficeRow
from services.parliament.official.members_api import Biography, CommonsMember

PLAUSIBLE = 0.9  # of the seats that are filled, how many must still be
_SPEAKER = re.compile(r"speaker( of the house of commons)?", re.IGNORECASE)
_DEPUTY = re.compile(r"deputy speaker|chair\w* of ways and means", re.IGNORECASE)
_PPS = re.compile(r"parliamentary private secretary|\bPPS\b", re.IGNORECASE)
_OPPOSITION = re.compile(r"opposition|shadow", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class MembersSync:
    """What good answers changed. `filled` counts seats that have a member now.

    `vacated` are the seats that fell vacant; `unmatched` are members, with the name of a seat that
    none of ours has: what we held about them stays.
    """

    filled: int
    begun: int
    ended: int
    offices_begun: int
    offices_ended: int
    without_email: int
    vacated: tuple[str, ...]
    unmatched: tuple[str, ...]


def apply_answers(session: Session, found: list[CommonsMember], *, today: date) -> MembersSync:
    """Bring members, memberships and offices in line with all current members, given at once.

    A seat of ours that none of them holds falls vacant. Conflict, with nothing changed, where two
    hold one seat, where none has a seat of ours, or where more than a tenth of the seats that are
    filled would fall vacant: that is a fault of the answer. The same answers again change nothing.
    """
    codes = _codes_by_name(session)
    current = [member for member in found if not _has_left(member, today)]
    seated = {codes[key]: one for one in current if (key := seat_key(one.seat)) in codes}
    unmatched = [member for member in current if seat_key(member.seat) not in codes]
    _refuse_two_in_a_seat(current, codes)
    vacated = _vacated(session, set(seated), {member.id for member in unmatched})
    if not seated:
        message = "No member's constituency is one of ours: run `lobby import constituencies`."
        raise Conflict("members_unmatched", message)
    rows = [_row(code, member, today) for code, member in seated.items()]
    rows += [MemberRow(code, None, today) for code in vacated]
    left_on = {member.id: member.ends_on for member in found if member.ends_on}
    done = members.apply_rows(session, rows, today=today, left_on=left_on)
    return MembersSync(
        filled=len(seated),
        begun=done.begun,
        ended=done.ended,
        offices_begun=done.offices_begun,
        offices_ended=done.offices_ended,
        without_email=members.count_without_email(rows),
        vacated=tuple(sorted(vacated.values())),
        unmatched=tuple(f"{member.name} ({member.id}): {member.seat}" for member in unmatched),
    )


def seat_key(name: str) -> str:
    """A constituency's name without what differs between sources: case, accents, spaces, marks."""
    plain = unicodedata.normalize("NFKD", name.replace("&", " and ")).casefold()
    return "".join(letter for letter in plain if letter.isalnum())


def _codes_by_name(session: Session) -> dict[str, str]:
    """Our codes by English and Welsh names; of one name, the newest boundaries' seat.

    By name, since the API's own ids of constituencies are not ours and changed in 2024.
    """
    names = [
        (seat.boundary_set, is_english, seat_key(name), seat.code)
        for seat in session.exec(select(Constituency))
        for is_english, name in ((True, seat.name), (False, seat.name_welsh))
        if name
    ]
    return {key: code for *_, key, code in sorted(names)}


def _has_left(member: CommonsMember, today: date) -> bool:
    return member.ends_on is not None and member.ends_on <= today


def _refuse_two_in_a_seat(current: list[CommonsMember], codes: dict[str, str]) -> None:
    holders: dict[str, CommonsMember] = {}
    for member in current:
        key = seat_key(member.seat)
        other = holders.setdefault(codes.get(key, key), member)
        if other is not member:
            message = (
                f"Parliament's Members API gives {member.seat} to two members: "
                f"{other.id} and {member.id}."
            )
            raise Conflict("members_seat_twice", message)


def _vacated(session: Session, filled: set[str], unmatched: set[int]) -> dict[str, str]:
    """Codes and names of seats that we know filled and that have nobody now.

    An unmatched member keeps the seat that we know them in, however Parliament calls it now.
    """
    statement = (
        select(Constituency.code, Constituency.name, Membership.member_id)
        .join(Membership, col(Membership.constituency_code) == Constituency.code)
        .where(col(Membership.ends_on).is_(None))
    )
    held = list(session.exec(statement))
    empty = {
        code: name
        for code, name, member_id in held
        if code not in filled and member_id not in unmatched
    }
    if len(held) - len(empty) < PLAUSIBLE * len(held):
        message = (
            f"Parliament's Members API leaves {len(empty)} of {len(held)} seats without a member: "
            "nothing was changed."
        )
        raise Conflict("members_too_few", message)
    return empty


def _row(code: str, found: CommonsMember, today: date) -> MemberRow:
    member = Member(id=found.id, name=found.name, party=found.party, email=found.email)
    return MemberRow(
        constituency_code=code,
        member=member,
        since=_elected_on(found),
        offices=_offices(found, today),
        all_offices=found.biography is not None,
    )


def _elected_on(found: CommonsMember) -> date:
    """The day on which they took this seat; the House's own day may be from another seat."""
    sat = found.biography.representations if found.biography else []
    here = [
        held.starts_on
        for held in sat
        if held.ends_on is None and seat_key(held.name) == seat_key(found.seat)
    ]
    return max(here, default=found.starts_on)


def _offices(found: CommonsMember, today: date) -> tuple[OfficeRow, ...]:
    """The offices that limit a member's freedom to sign. The party alone can name the Speaker."""
    offices = _read_offices(found.biography) if found.biography else []
    in_chair = any(
        office.kind is OfficeKind.SPEAKER and office.is_held(today) for office in offices
    )
    if found.party == SPEAKER and not in_chair:
        offices.append(OfficeRow(OfficeKind.SPEAKER, SPEAKER_TITLE))
    return tuple(offices)


def _read_offices(told: Biography) -> list[OfficeRow]:
    kinds = [(_government_kind(held.name), held) for held in told.government_posts]
    others = [*told.other_posts, *told.committees]
    kinds += [(kind, held) for held in others if (kind := _other_kind(held.name))]
    return [OfficeRow(kind, held.name, held.starts_on, held.ends_on) for kind, held in kinds]


def _government_kind(title: str) -> OfficeKind:
    return OfficeKind.PPS if _PPS.search(title) else members.office_kind(title, "")


def _other_kind(title: str) -> OfficeKind | None:
    """Of an office outside the government; a committee can bear the Speaker's name too."""
    if _SPEAKER.fullmatch(title):
        return OfficeKind.SPEAKER
    if _DEPUTY.search(title):
        return OfficeKind.DEPUTY_SPEAKER
    if _PPS.search(title) and not _OPPOSITION.search(title):
        return OfficeKind.PPS
    return None
