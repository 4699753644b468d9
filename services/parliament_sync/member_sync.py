"""Updates members from answers of Parliament's Members API, with the rules on what may change.

Source of the rules: `docs/guide/parliament.md`.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date

from sqlmodel import Session, col, select

from models import Constituency, Member, Membership, OfficeKind
from services.errors import Conflict
from services.parliament import contacts, members, salutations
from services.parliament.members import SPEAKER, SPEAKER_TITLE, MemberRow, OfficeRow
from services.parliament.official.members_api import Biography, CommonsMember

PLAUSIBLE = 0.9  # the share of the filled seats that must stay filled
_SPEAKER = re.compile(r"speaker( of the house of commons)?", re.IGNORECASE)
_DEPUTY = re.compile(r"deputy speaker|chair\w* of ways and means", re.IGNORECASE)
_PPS = re.compile(r"parliamentary private secretary|\bPPS\b", re.IGNORECASE)
_OPPOSITION = re.compile(r"opposition|shadow", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class MembersSync:
    """What a sync changed. `filled` counts the seats that have a member now.

    `vacated` are the names of seats that became vacant. `unmatched` are members whose constituency
    has a name that none of ours has, with that name: our data about them stays. `with_telephone`
    counts the members of whom the directory gives a telephone number.
    """

    filled: int
    begun: int
    ended: int
    offices_begun: int
    offices_ended: int
    without_email: int
    vacated: tuple[str, ...]
    unmatched: tuple[str, ...]
    with_telephone: int = 0


def apply_answers(session: Session, answers: list[CommonsMember], *, today: date) -> MembersSync:
    """Updates members, memberships, offices and contacts from the answers on all current members.

    A seat of ours that none of them has becomes vacant. Raises Conflict, with nothing changed,
    where two members have one seat, where no member has a seat of ours, or where more than a tenth
    of the filled seats would become vacant: such answers are wrong. The same answers again change
    nothing.
    """
    codes = _codes_by_name(session)
    current = [member for member in answers if not _has_left(member, today)]
    seated = {codes[key]: member for member in current if (key := seat_key(member.seat)) in codes}
    unmatched = [member for member in current if seat_key(member.seat) not in codes]
    _refuse_two_in_a_seat(current, codes)
    vacated = _vacated(session, set(seated), {member.id for member in unmatched})
    if not seated:
        message = "No member's constituency is one of ours: run `lobby import constituencies`."
        raise Conflict("members_unmatched", message)
    rows = [_row(code, member, today) for code, member in seated.items()]
    rows += [MemberRow(code, None, today) for code in vacated]
    left_on = {member.id: member.ends_on for member in answers if member.ends_on}
    changes = members.apply_rows(session, rows, today=today, left_on=left_on)
    published = {member.id: member.contacts for member in seated.values()}
    contacts.replace(session, published, kept={member.id for member in unmatched}, today=today)
    return MembersSync(
        filled=len(seated),
        begun=changes.begun,
        ended=changes.ended,
        offices_begun=changes.offices_begun,
        offices_ended=changes.offices_ended,
        without_email=members.count_without_email(rows),
        vacated=tuple(sorted(vacated.values())),
        unmatched=tuple(f"{member.name} ({member.id}): {member.seat}" for member in unmatched),
        with_telephone=sum(
            any(office.telephone for office in offices) for offices in published.values()
        ),
    )


def seat_key(name: str) -> str:
    """Returns a constituency's name in the form in which names from two sources are compared.

    Case, accents, spaces and punctuation do not count, and '&' is 'and'.
    """
    plain = unicodedata.normalize("NFKD", name.replace("&", " and ")).casefold()
    return "".join(letter for letter in plain if letter.isalnum())


def _codes_by_name(session: Session) -> dict[str, str]:
    """Returns our codes by English and Welsh name; the newest boundaries win where names repeat.

    The API's own ids of constituencies cannot be used: they changed in 2024, the names did not.
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
    """Returns the codes and names of seats that were filled and have no member now.

    An unmatched member keeps the seat that they had, because only its name may have changed.
    """
    statement = (
        select(Constituency.code, Constituency.name, Membership.member_id)
        .join(Membership, col(Membership.constituency_code) == Constituency.code)
        .where(col(Membership.ends_on).is_(None))
    )
    filled_before = list(session.exec(statement))
    vacated = {
        code: name
        for code, name, member_id in filled_before
        if code not in filled and member_id not in unmatched
    }
    if len(filled_before) - len(vacated) < PLAUSIBLE * len(filled_before):
        message = (
            f"Parliament's Members API leaves {len(vacated)} of {len(filled_before)} seats "
            "without a member: nothing was changed."
        )
        raise Conflict("members_too_few", message)
    return vacated


def _row(code: str, answer: CommonsMember, today: date) -> MemberRow:
    return MemberRow(
        constituency_code=code,
        member=Member(
            id=answer.id,
            name=answer.name,
            party=answer.party,
            email=answer.email,
            salutation=salutations.of_member(answer.full_title, answer.family_name),
        ),
        since=_elected_on(answer),
        offices=_offices(answer, today),
        all_offices=answer.biography is not None,
    )


def _elected_on(answer: CommonsMember) -> date:
    """Returns the day on which a member took this seat.

    The day on which they joined the House can belong to another seat.
    """
    representations = answer.biography.representations if answer.biography else []
    days = [
        entry.starts_on
        for entry in representations
        if entry.ends_on is None and seat_key(entry.name) == seat_key(answer.seat)
    ]
    return max(days, default=answer.starts_on)


def _offices(answer: CommonsMember, today: date) -> tuple[OfficeRow, ...]:
    """Without a biography, only the party 'Speaker' names an office."""
    offices = _read_offices(answer.biography) if answer.biography else []
    in_chair = any(
        office.kind is OfficeKind.SPEAKER and office.is_held(today) for office in offices
    )
    if answer.party == SPEAKER and not in_chair:
        offices.append(OfficeRow(OfficeKind.SPEAKER, SPEAKER_TITLE))
    return tuple(offices)


def _read_offices(biography: Biography) -> list[OfficeRow]:
    offices = [(_government_kind(entry.name), entry) for entry in biography.government_posts]
    others = [*biography.other_posts, *biography.committees]
    offices += [(kind, entry) for entry in others if (kind := _other_kind(entry.name))]
    return [OfficeRow(kind, entry.name, entry.starts_on, entry.ends_on) for kind, entry in offices]


def _government_kind(title: str) -> OfficeKind:
    return OfficeKind.PPS if _PPS.search(title) else members.office_kind(title, "")


def _other_kind(title: str) -> OfficeKind | None:
    """Matches the Speaker's whole title: a committee can have 'Speaker' in its name too."""
    if _SPEAKER.fullmatch(title):
        return OfficeKind.SPEAKER
    if _DEPUTY.search(title):
        return OfficeKind.DEPUTY_SPEAKER
    if _PPS.search(title) and not _OPPOSITION.search(title):
        return OfficeKind.PPS
    return None
