"""How many people an organisation knows: by whether it may email them, and by where they live."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import Consent, Constituency, DeadAddress, Letter, OutboxMessage, Signature, Supporter
from models.base import table_of
from models.constituency import OVERSEAS
from services.supporters import supporters, wordings
from services.traffic.minute_cache import Counted, MinuteCache

UNKNOWN_PLACE, ABROAD = "Not known", "Outside the UK"
_supporter, _consent = table_of(Supporter), table_of(Consent)
_dead, _message = table_of(DeadAddress), table_of(OutboxMessage)
_signature, _letter = table_of(Signature), table_of(Letter)
_constituency = table_of(Constituency)


class Contact(StrEnum):
    """Whether an organisation may email a person: the first of these that fits.

    `unreachable`: a mail server said that their address does not exist. `unsubscribed`: they want
    no email at all, or said yes once and no since. `yes`: their last confirmed answer. `no`: any
    other answer, or none.
    """

    UNREACHABLE = "unreachable"
    UNSUBSCRIBED = "unsubscribed"
    YES = "yes"
    NO = "no"


@dataclass(frozen=True, slots=True)
class People:
    """How many people there are, and how many of them may be emailed."""

    people: int
    yes: int


@dataclass(frozen=True, slots=True)
class Place:
    """The people of a constituency or a region."""

    name: str
    code: str
    people: int
    yes: int


@dataclass(frozen=True, slots=True)
class SupporterCounts:
    """The people of an organisation, each in one of `by_contact`.

    `by_code` has constituencies, 'unknown' and 'overseas'.
    """

    by_contact: Mapping[Contact, int]
    by_code: Mapping[str, People] = field(default_factory=dict)

    @property
    def people(self) -> int:
        return sum(self.by_contact.values())


@dataclass(frozen=True, slots=True)
class ByPlace:
    """People by region, the largest first and the outside last, and by constituency."""

    regions: tuple[Place, ...]
    constituencies: tuple[Place, ...]


def of_organisation(
    session: Session, organisation_id: UUID, *, counts: MinuteCache
) -> Counted[SupporterCounts]:
    """Returns the counts as made within the last minute, in one statement.

    It reads every supporter and answer: with 200,000 that takes longer than a page may.
    """
    key = ("supporters", organisation_id)
    return counts.get(key, lambda: _count(session, organisation_id))


def by_place(session: Session, counted: SupporterCounts) -> ByPlace:
    """Returns the counts with the names of places, in one statement."""
    columns = (_constituency.c.code, _constituency.c.name, _constituency.c.region)
    seats = {row.code: row for row in session.connection().execute(sa.select(*columns))}
    regions: defaultdict[str, list[People]] = defaultdict(list)
    outside: defaultdict[str, list[People]] = defaultdict(list)
    places = []
    for code, people in counted.by_code.items():
        if seat := seats.get(code):
            places.append(Place(seat.name, code, people.people, people.yes))
            regions[seat.region].append(people)
        else:
            outside[ABROAD if code == OVERSEAS else UNKNOWN_PLACE].append(people)
    named = _ordered(_sum(name, found) for name, found in regions.items())
    last = _ordered(_sum(name, found) for name, found in outside.items())
    return ByPlace((*named, *last), _ordered(places))


def _sum(name: str, people: Sequence[People]) -> Place:
    return Place(name, "", sum(each.people for each in people), sum(each.yes for each in people))


def _ordered(places: Iterable[Place]) -> tuple[Place, ...]:
    return tuple(sorted(places, key=lambda place: (-place.people, place.name)))


def _count(session: Session, organisation_id: UUID) -> SupporterCounts:
    by_contact: Counter[Contact] = Counter(dict.fromkeys(Contact, 0))
    people: Counter[str] = Counter()
    yes: Counter[str] = Counter()
    rows = session.connection().execute(_COUNTS, {"organisation_id": organisation_id})
    for code, contact, count in rows:
        by_contact[Contact(contact)] += count
        people[code] += count
        yes[code] += count if contact == Contact.YES else 0
    by_code = {code: People(people[code], yes[code]) for code in people}
    return SupporterCounts(by_contact, by_code)


# A message knows its recipient by a hash across organisations, and a supporter by one of their own.
# So a dead address leads to people by the messages that were about their signatures and letters.
_SUBJECTS = sa.select(_message.c.subject_id).join(
    _dead, _dead.c.address_index == _message.c.recipient_index
)
_UNREACHABLE = sa.union(
    sa.select(_signature.c.supporter_id).where(_signature.c.id.in_(_SUBJECTS)),
    sa.select(_letter.c.supporter_id).where(_letter.c.id.in_(_SUBJECTS)),
)
_may = supporters.may_be_sent_updates()
_said_yes = sa.exists().where(
    _consent.c.supporter_id == _supporter.c.id,
    _consent.c.kind == wordings.UPDATES,
    _consent.c.effective_at.is_not(None),
    _consent.c.granted,
)
CONTACT = sa.case(
    (_supporter.c.id.in_(_UNREACHABLE), Contact.UNREACHABLE.value),
    (_supporter.c.mail_off_at.is_not(None), Contact.UNSUBSCRIBED.value),
    (_may, Contact.YES.value),
    (_said_yes, Contact.UNSUBSCRIBED.value),
    else_=Contact.NO.value,
)
"""SQL for a supporter's `Contact`."""
_code = sa.func.coalesce(_supporter.c.constituency_code, sa.literal_column("'unknown'"))
_each = (
    sa.select(_code.label("code"), CONTACT.label("contact"))
    .where(_supporter.c.organisation_id == sa.bindparam("organisation_id", type_=sa.Uuid()))
    .subquery()
)
_COUNTS = sa.select(_each.c.code, _each.c.contact, sa.func.count()).group_by(
    _each.c.code, _each.c.contact
)
