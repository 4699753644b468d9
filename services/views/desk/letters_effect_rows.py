"""Reads what 'Did the letters matter?' compares, in a fixed number of statements."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from models import (
    Campaign,
    Constituency,
    Letter,
    LetterState,
    LetterTally,
    Member,
    Membership,
    MotionSignatory,
    Office,
    OfficeKind,
    OverrideKind,
)
from models.base import UtcDateTime
from services.campaigns import campaigns
from services.common import times
from services.errors import Invalid
from services.parliament import member_overrides
from services.parliament import parties as party_groups
from services.parliament.standing import Eligibility, Standing, eligibility_of
from services.traffic.minute_cache import Counted, MinuteCache
from services.views.desk import letters_effect
from services.views.desk.letters_effect import Mp, Share, Summary

_CAMPAIGN = sa.bindparam("campaign_id", type_=sa.Uuid())
_MOTION = sa.bindparam("motion_id", type_=sa.Integer)
_DAY, _END = sa.bindparam("day", type_=sa.Date), sa.bindparam("end", type_=UtcDateTime())
_member_id, _sent_at = col(Letter.member_id), col(Letter.sent_at)
_SENT = (
    col(Letter.campaign_id) == _CAMPAIGN,
    col(Letter.state) == LetterState.SENT,
    col(Letter.motion_id) == _MOTION,
)
# Built once: building them costs more than running them. Those of letters read one index alone.
_COUNT = sa.select(sa.func.coalesce(sa.func.sum(col(LetterTally.sent)), 0)).where(
    col(LetterTally.campaign_id) == _CAMPAIGN, col(LetterTally.motion_id) == _MOTION
)
_AT_PLACE = (
    sa.select(_sent_at)
    .where(*_SENT)
    .order_by(_sent_at)
    .offset(sa.bindparam("place", type_=sa.Integer))
    .limit(1)
)
_BY_MEMBER = (
    sa.select(
        _member_id,
        sa.func.min(_sent_at, type_=UtcDateTime()).label("first"),
        sa.func.sum(sa.case((_sent_at < _END, 1), else_=0)).label("by_day"),
    )
    .where(*_SENT)
    .group_by(_member_id)
)
_TO_MEMBERS = sa.select(_member_id, _sent_at).where(
    *_SENT, _member_id.in_(sa.bindparam("members", expanding=True))
)
_NAMES = (
    sa.select(
        col(MotionSignatory.member_id),
        col(Member.name),
        col(Member.party),
        col(MotionSignatory.signed_on),
        col(MotionSignatory.signed_at),
        col(MotionSignatory.first_seen_at),
        col(MotionSignatory.is_withdrawn),
    )
    .join(Member, col(Member.id) == MotionSignatory.member_id)
    .where(col(MotionSignatory.motion_id) == _MOTION)
)


def _on_day(model: type[Membership] | type[Office]) -> tuple[sa.ColumnElement[bool], ...]:
    ends_on = col(model.ends_on)
    return (col(model.starts_on) <= _DAY, sa.or_(ends_on.is_(None), ends_on > _DAY))


_SEATS = (
    sa.select(col(Member.id), col(Member.name), col(Member.party), col(Constituency.name))
    .select_from(Membership)
    .join(Member, col(Member.id) == Membership.member_id)
    .join(Constituency, col(Constituency.code) == Membership.constituency_code)
    .where(*_on_day(Membership))
)
_OFFICES = sa.select(col(Office.member_id), col(Office.kind)).where(*_on_day(Office))


@dataclass(frozen=True, slots=True)
class Letters:
    """A campaign's letters about its motion that were sent: how many, and when.

    `half_on` is the day in London on which half of them had gone. Both days are None without any.
    `synced_at` is when Parliament's list of names was read.
    """

    motion_id: int | None
    count: int
    synced_at: datetime | None = None
    first_on: date | None = None
    half_on: date | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """What the page shows. `day` is None while no day with letters is over.

    `parties` have enough MPs to be compared, and `party` is one of them, or None without any.
    `shares` are empty where its groups are too small. `signed` are the MPs of
    `letters_effect.since_letters`.
    """

    letters: Letters
    day: date | None = None
    parties: tuple[str, ...] = ()
    party: str | None = None
    shares: tuple[Share, ...] = ()
    signed: tuple[Mp, ...] = ()
    summary: Summary = Summary(0, 0, None)  # noqa: RUF009 - it cannot change


@dataclass(frozen=True, slots=True)
class _Name:
    """A member's name on the motion. `moment` is when it came on, or the day's beginning."""

    name: str
    party: str
    day: date
    moment: datetime
    is_on: bool


@dataclass(frozen=True, slots=True)
class _Sent:
    """The letters to one member: the first, and how many there were by the day."""

    first: datetime
    by_day: int


def recent(
    session: Session,
    campaign: Campaign,
    letters: Letters,
    *,
    day: date | None,
    party: str,
    counts: MinuteCache,
    now: datetime,
) -> Counted[Effect]:
    """Returns the same as `of_campaign`, as counted within the last minute.

    It reads every letter: with 20,000 that takes longer than a page may.
    """

    def count() -> Effect:
        return of_campaign(session, campaign, letters, day=day, party=party, now=now)

    return counts.get(("letters effect", campaign.id, day, party), count)


def of_campaign(
    session: Session,
    campaign: Campaign,
    letters: Letters,
    *,
    day: date | None,
    party: str,
    now: datetime,
) -> Effect:
    """Returns the comparison from a day and within a party, in a fixed number of statements.

    Without a day of `day_of` it is the one on which half of the letters had gone: then many MPs had
    letters and many days follow. Without a party that fits it is the one with most MPs to compare.
    """
    if letters.motion_id is None or letters.first_on is None or letters.half_on is None:
        return Effect(letters)
    chosen = day or min(letters.half_on, times.today(now) - timedelta(days=1))
    mps = mps_of(session, campaign, letters.motion_id, chosen)
    signed = tuple(letters_effect.since_letters(mps, letters.first_on))
    summary = letters_effect.summary(signed)
    if chosen < letters.first_on:
        return Effect(letters, signed=signed, summary=summary)
    compared = letters_effect.followed(mps, chosen)
    parties = letters_effect.parties(compared)
    own = party if party in parties else next(iter(parties), None)
    shares = letters_effect.compare(compared, own) if own else ()
    return Effect(letters, chosen, parties, own, shares, signed, summary)


def day_of(typed: str, letters: Letters, *, now: datetime) -> date | None:
    """Returns the day to compare from, or None to have one chosen: none was typed, or none fits.

    :raises Invalid: no day, one before the first letter, or one that no day follows yet
    """
    latest = times.today(now) - timedelta(days=1)
    if not typed.strip() or letters.first_on is None or letters.first_on > latest:
        return None
    try:
        day = date.fromisoformat(typed.strip())
    except ValueError:
        message = "Enter a date in the correct format, like 2026-06-15."
        raise Invalid.field("day", "day_malformed", message) from None
    if day < letters.first_on:
        message = f"Enter {times.day(letters.first_on)} or later: the first letter went then."
        raise Invalid.field("day", "day_too_early", message)
    if day > latest:
        message = f"Enter {times.day(latest)} or earlier: we count who signed after that day."
        raise Invalid.field("day", "day_too_late", message)
    return day


def letters_of(session: Session, campaign: Campaign) -> Letters:
    """Returns how many letters were sent and when; `count` is that of the tally."""
    motion = campaigns.motion_of(session, campaign.id)
    if motion is None:
        return Letters(None, 0)
    values = _values(campaign.id, motion.id)
    count = int(session.execute(_COUNT, values).scalar_one())
    first, half = (
        session.execute(_AT_PLACE, values | {"place": place}).scalar()
        for place in (0, max(0, (count - 1) // 2))
    )
    if first is None or half is None:
        return Letters(motion.id, count, motion.synced_at)
    return Letters(motion.id, count, motion.synced_at, times.today(first), times.today(half))


def mps_of(session: Session, campaign: Campaign, motion_id: int, day: date) -> list[Mp]:
    """Returns the MPs who held a seat on the day, and everybody else on the motion."""
    values = _values(campaign.id, motion_id) | {"day": day, "end": times.end_of_day(day)}
    sent = {
        row.member_id: _Sent(row.first, int(row.by_day))
        for row in session.execute(_BY_MEMBER, values)
    }
    names = _names(session.execute(_NAMES, values))
    before = _letters_before(session, values, names, sent)
    seats = session.execute(_SEATS, values).all()
    can_sign = _can_sign(session, campaign, seats, values)
    held = {member_id for member_id, *_ in seats}
    rows = [(*row, row[0] in can_sign) for row in seats]
    gone = [(key, each.name, each.party, "", False) for key, each in names.items()]
    rows += [row for row in gone if row[0] not in held]
    return [_mp(row, sent.get(row[0]), before[row[0]], names.get(row[0])) for row in rows]


def _values(campaign_id: UUID, motion_id: int) -> dict[str, Any]:
    return {"campaign_id": campaign_id, "motion_id": motion_id}


def _names(rows: Iterable[Any]) -> dict[int, _Name]:
    """Returns each member's first name on the motion.

    Parliament changes the day of a name that was withdrawn, but the moment of signing stays.
    """
    by_member: defaultdict[int, list[Any]] = defaultdict(list)
    for row in rows:
        by_member[row.member_id].append(row)
    return {member_id: _name(found) for member_id, found in by_member.items()}


def _name(rows: list[Any]) -> _Name:
    live = [row for row in rows if not row.is_withdrawn]
    moments = [
        min(row.signed_at or times.begin_of_day(row.signed_on), row.first_seen_at)
        for row in live or rows
    ]
    first = min(moments)
    return _Name(rows[0].name, rows[0].party, times.today(first), first, bool(live))


def _letters_before(
    session: Session,
    values: dict[str, Any],
    names: Mapping[int, _Name],
    sent: Mapping[int, _Sent],
) -> Counter[int]:
    """Counts the letters to members on the motion that went before their names."""
    asked = [key for key, name in names.items() if key in sent and sent[key].first < name.moment]
    if not asked:
        return Counter()
    rows = session.execute(_TO_MEMBERS, values | {"members": asked})
    return Counter(key for key, sent_at in rows if sent_at < names[key].moment)


def _can_sign(
    session: Session, campaign: Campaign, seats: Iterable[Any], values: dict[str, Any]
) -> set[int]:
    """Returns who could sign on the day. That somebody signed later decides nothing here."""
    parties_by_member = {member_id: party for member_id, _, party, _ in seats}
    offices: defaultdict[int, set[OfficeKind]] = defaultdict(set)
    for member_id, kind in session.execute(_OFFICES, values):
        offices[member_id].add(kind)
    overrides = member_overrides.in_force(
        session,
        organisation_id=campaign.organisation_id,
        campaign_id=campaign.id,
        member_ids=parties_by_member,
        today=values["day"],
    )
    refusing = set()
    for member_id, recorded in overrides.items():
        kinds = {override.kind for override in recorded}
        if OverrideKind.PPS in kinds:
            offices[member_id].add(OfficeKind.PPS)
        if OverrideKind.REFUSES in kinds:
            refusing.add(member_id)
    return {
        member_id
        for member_id, party in parties_by_member.items()
        if Eligibility.CAN_SIGN
        is eligibility_of(
            party=party,
            offices=offices.get(member_id, ()),
            refuses=member_id in refusing,
            standing=Standing.NOT_SIGNED,
        )
    }


def _mp(row: Any, sent: _Sent | None, before: int, name: _Name | None) -> Mp:
    member_id, member, party, seat, could_sign = row
    return Mp(
        id=member_id,
        name=member,
        seat=seat,
        party=party_groups.group(party),
        could_sign=could_sign,
        letters_by_day=sent.by_day if sent else 0,
        letters_before=before,
        first_letter_on=times.today(sent.first) if sent and name else None,
        first_name_on=name.day if name else None,
        is_on_motion=name is not None and name.is_on,
    )
