"""What is on record about one member, or about a seat without one, for the desk."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from models import (
    ApiKey,
    Campaign,
    Constituency,
    ContactPlace,
    Member,
    MemberContact,
    MemberOverride,
    MemberReply,
    Membership,
    MotionEvent,
    Office,
    Organiser,
)
from models.base import UtcDateTime, table_of


class PastKind(StrEnum):
    """What happened. `signed`, `withdrawn` and `restored` are about the campaign's motion.

    `reply` is a member's reply, `override` what an organiser recorded with a link. `left_office`
    and `left_seat` are the ends of `office` and `seat`. `tabled`, `first_letter` and `answer` come
    from elsewhere: see `services/views/desk/members/one_member.py`.
    """

    SIGNED = "signed"
    WITHDRAWN = "withdrawn"
    RESTORED = "restored"
    REPLY = "reply"
    OVERRIDE = "override"
    OFFICE = "office"
    LEFT_OFFICE = "left_office"
    SEAT = "seat"
    LEFT_SEAT = "left_seat"
    TABLED = "tabled"
    FIRST_LETTER = "first_letter"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class Recorded:
    """Who recorded an override, and when, or who checked a reply, for which `at` is None.

    `by` is an organiser's email address, or the name of who checked; empty if it is not known.
    `key` is the name of the API key, empty for one without a name; None without a key.
    """

    at: datetime | None
    by: str = ""
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """One thing on a day. `detail` is the kind of a reply, an override or an answer, or a GSS code.

    `title` is that of an office or a seat, the reason of an override, or who recorded an answer.
    An override that holds has no `until`, or one that is still to come. `recorded` is for the
    desk alone: no file, call or public page has it. Others know of a reply that
    is not `is_checked` only what its constituent said.
    """

    kind: PastKind
    day: date
    until: date | None = None
    detail: str = ""
    title: str = ""
    link: str = ""
    is_checked: bool = True
    id: UUID | None = None
    recorded: Recorded | None = None

    def holds(self, today: date) -> bool:
        """Returns whether this has not ended."""
        return self.until is None or self.until > today


@dataclass(frozen=True, slots=True)
class Holder:
    """A member who held a seat until a day."""

    id: int
    name: str
    party: str
    until: date | None


@dataclass(frozen=True, slots=True)
class Record:
    """What is on record about a member, in no order, and the contacts of their offices.

    Only editors and owners may see the contacts.
    """

    past: list[Past]
    contacts: list[MemberContact]


def of_member(
    session: Session, campaign: Campaign, motion_id: int | None, member_id: int
) -> Record:
    """Returns what is on record about a member, in one statement."""
    values = {
        "member_id": member_id,
        "motion_id": motion_id or 0,
        "campaign_id": campaign.id,
        "organisation_id": campaign.organisation_id,
    }
    past: list[Past] = []
    found: list[MemberContact] = []
    for row in session.execute(_OF_MEMBER, values):
        if row.kind == _CONTACT:
            place = ContactPlace(row.detail)
            found.append(_contact(member_id, place, row.title, row.link, row.day))
        else:
            past.append(_past(row))
    return Record(past, sorted(found, key=lambda each: _PLACES.index(each.place)))


def ends(found: Iterable[Past], today: date) -> list[Past]:
    """Returns the ends, until today, of offices and seats among what is on record."""
    of = {PastKind.OFFICE: PastKind.LEFT_OFFICE, PastKind.SEAT: PastKind.LEFT_SEAT}
    return [
        Past(of[each.kind], each.until, title=each.title, detail=each.detail)
        for each in found
        if each.kind in of and each.until and each.until <= today
    ]


def last_holder(session: Session, code: str) -> Holder | None:
    """Returns the member who held a vacant seat last, in one statement."""
    row = session.execute(_HOLDERS, {"code": code}).first()
    return Holder(*row) if row else None


def _past(row: Any) -> Past:
    return Past(
        PastKind(row.kind),
        row.day,
        row.until,
        detail=row.detail or "",
        title=row.title or "",
        link=row.link or "",
        is_checked=bool(row.is_checked),
        id=row.id,
        recorded=_recorded(row) if row.recorded_at or row.checker else None,
    )


def _recorded(row: Any) -> Recorded:
    by = row.organiser or row.checker
    return Recorded(row.recorded_at, by=by.text if by else "", key=row.key)


def _contact(
    member_id: int, place: ContactPlace, telephone: str | None, email: str | None, day: date
) -> MemberContact:
    return MemberContact(
        member_id=member_id, place=place, telephone=telephone, email=email, read_on=day
    )


def _row(kind: Any, day: Any, of: Any, **values: Any) -> sa.Select[Any]:
    """Returns a part of the union; NULL has a type, which PostgreSQL needs."""
    types: dict[str, Any] = {
        "until": sa.Date(),
        "detail": sa.String(),
        "title": sa.String(),
        "link": sa.String(),
        "is_checked": sa.Boolean(),
        "id": sa.Uuid(),
        "recorded_at": UtcDateTime(),
        "organiser": table_of(Organiser).c.email.type,
        "checker": table_of(MemberReply).c.verified_by.type,
        "key": sa.String(),
    }
    given = {name: values.get(name) for name in types}
    return sa.select(
        (sa.literal(str(kind)) if isinstance(kind, str) else kind).label("kind"),
        col(day).label("day"),
        *(
            (sa.cast(sa.null(), types[name]) if value is None else value).label(name)
            for name, value in given.items()
        ),
    ).where(col(of.member_id) == _MEMBER)


def _text(column: Any) -> sa.ColumnElement[str]:
    return sa.type_coerce(col(column), sa.String)


_CONTACT = "contact"
_PLACES = list(ContactPlace)
_MEMBER = sa.bindparam("member_id", type_=sa.Integer())
_CAMPAIGN = sa.bindparam("campaign_id", type_=sa.Uuid())
_TRUE = sa.literal(True)
_campaign: Any = col(MemberOverride.campaign_id)
_OF_MEMBER = sa.union_all(
    _row(_text(MotionEvent.kind), MotionEvent.happened_on, MotionEvent, is_checked=_TRUE).where(
        col(MotionEvent.motion_id) == sa.bindparam("motion_id", type_=sa.Integer())
    ),
    _row(
        _CONTACT,
        MemberContact.read_on,
        MemberContact,
        detail=_text(MemberContact.place),
        title=col(MemberContact.telephone),
        link=col(MemberContact.email),
    ),
    _row(
        PastKind.OFFICE,
        Office.starts_on,
        Office,
        until=col(Office.ends_on),
        title=col(Office.title),
        is_checked=_TRUE,
    ),
    _row(
        PastKind.SEAT,
        Membership.starts_on,
        Membership,
        until=col(Membership.ends_on),
        detail=col(Membership.constituency_code),
        title=col(Constituency.name),
        is_checked=_TRUE,
    ).join(Constituency, col(Constituency.code) == col(Membership.constituency_code)),
    _row(
        PastKind.REPLY,
        MemberReply.said_on,
        MemberReply,
        detail=_text(MemberReply.kind),
        link=col(MemberReply.link),
        is_checked=col(MemberReply.verified_by).is_not(None),
        checker=col(MemberReply.verified_by),
        key=col(ApiKey.name),
    )
    .outerjoin(ApiKey, col(ApiKey.id) == MemberReply.api_key_id)
    .where(col(MemberReply.campaign_id) == _CAMPAIGN),
    _row(
        PastKind.OVERRIDE,
        MemberOverride.starts_on,
        MemberOverride,
        until=col(MemberOverride.ends_on),
        detail=_text(MemberOverride.kind),
        title=col(MemberOverride.reason),
        link=col(MemberOverride.link),
        is_checked=_TRUE,
        id=col(MemberOverride.id),
        recorded_at=col(MemberOverride.recorded_at),
        organiser=col(Organiser.email),
        key=col(ApiKey.name),
    )
    .outerjoin(Organiser, col(Organiser.id) == MemberOverride.organiser_id)
    .outerjoin(ApiKey, col(ApiKey.id) == MemberOverride.api_key_id)
    .where(
        col(MemberOverride.organisation_id) == sa.bindparam("organisation_id", type_=sa.Uuid()),
        sa.or_(_campaign.is_(None), _campaign == _CAMPAIGN),
    ),
)
_HOLDERS = (
    sa.select(col(Member.id), col(Member.name), col(Member.party), col(Membership.ends_on))
    .join(Membership, col(Membership.member_id) == col(Member.id))
    .where(col(Membership.constituency_code) == sa.bindparam("code", type_=sa.String()))
    .order_by(col(Membership.starts_on).desc(), col(Membership.id).desc())
    .limit(1)
)
