"""Overrides: what organisers record about members that no official source says.

A member refuses all motions, is a PPS, or has said whether they will sign a campaign's motion. An
override is in force from `starts_on` until the day before `ends_on`, and ends at the latest with
the membership in which it began. Source of the rules: `docs/guide/parliament.md`.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import Select

from models import Campaign, Member, MemberOverride, Membership, OverrideKind
from services.errors import Conflict, Invalid, NotFound

_STATEMENTS = (OverrideKind.SAYS_WILL_SIGN, OverrideKind.SAYS_WILL_NOT)


@dataclass(frozen=True, slots=True)
class NewOverride:
    """An override to record; without `starts_on` it begins today."""

    kind: OverrideKind
    reason: str
    link: str
    starts_on: date | None = None
    ends_on: date | None = None


@dataclass(frozen=True, slots=True)
class OverrideView:
    """An override with its campaign's slug, and whether it is in force today."""

    override: MemberOverride
    campaign_slug: str | None
    is_in_force: bool


@dataclass(frozen=True, slots=True)
class OverrideEvent:
    """The beginning or end of an override.

    `seen_at` is when it was recorded. For an end that was recorded in advance it is the start of
    the day on which the override ends (UTC), which can be in the future.
    """

    override_id: UUID
    kind: OverrideKind
    has_ended: bool
    happened_on: date
    seen_at: datetime
    member: Member
    link: str


def in_force(
    session: Session,
    *,
    organisation_id: UUID | None,
    campaign_id: UUID | None,
    member_ids: Iterable[int] | None = None,
    today: date,
) -> dict[int, list[MemberOverride]]:
    """Returns the overrides in force today by member, in the order in which they began.

    They are an organisation's overrides for all its campaigns and those for `campaign_id`, on
    `member_ids` if given. An override counts only if it began in the membership that is open today.
    """
    campaign = col(MemberOverride.campaign_id)
    statement = (
        select(MemberOverride)
        .join(Membership, col(Membership.member_id) == MemberOverride.member_id)
        .where(
            MemberOverride.organisation_id == organisation_id,
            sa.or_(campaign.is_(None), campaign == campaign_id),
            *_is_valid_on(MemberOverride, today),
            *_is_valid_on(Membership, today),
            col(Membership.starts_on) <= col(MemberOverride.starts_on),
        )
        .order_by(col(MemberOverride.starts_on), col(MemberOverride.id))
    )
    if member_ids is not None:
        statement = statement.where(col(MemberOverride.member_id).in_(list(member_ids)))
    overrides: defaultdict[int, list[MemberOverride]] = defaultdict(list)
    for row in session.exec(statement):
        overrides[row.member_id].append(row)
    return overrides


def record(
    session: Session,
    new: NewOverride,
    *,
    organisation_id: UUID,
    member: Member,
    campaign: Campaign | None,
    organiser_id: UUID | None = None,
    api_key_id: UUID | None = None,
    now: datetime,
) -> OverrideView:
    """Records an override. `campaign` is one of the organisation's, or None for all of them.

    `organiser_id` or `api_key_id` is who records it.

    Only one override on a subject is in force at a time; both statements about one campaign's
    motion are one subject. An override that began earlier ends on the day on which this one
    begins, and this one ends on the day on which a later one began. Raises Conflict where the
    member has no seat, and Invalid where the days or the campaign do not fit.
    """
    today = now.date()
    membership = _open_membership(session, member, today)
    starts_on = new.starts_on or today
    _check_campaign(new.kind, campaign)
    _check_days(starts_on, new.ends_on, membership, today)
    row = MemberOverride(
        organisation_id=organisation_id,
        campaign_id=campaign.id if campaign else None,
        member_id=member.id,
        kind=new.kind,
        reason=new.reason,
        link=new.link,
        starts_on=starts_on,
        ends_on=new.ends_on,
        organiser_id=organiser_id,
        api_key_id=api_key_id,
        recorded_at=now,
        ended_at=now if new.ends_on else None,
    )
    for other in _on_same_subject(session, row, membership, today):
        _end_earlier(other, row, now)
    session.add(row)
    session.flush()
    is_in_force = _is_in_force(row, membership, today)
    return OverrideView(row, campaign.slug if campaign else None, is_in_force)


def end(
    session: Session, override_id: UUID, *, organisation_id: UUID, ends_on: date, now: datetime
) -> OverrideView:
    """Ends an override on a day in the past or the future. The row stays, as history.

    Raises NotFound where it is another organisation's, Conflict where it has already ended on
    another day, and Invalid where `ends_on` is before it began.
    """
    statement = (
        _views(organisation_id, now.date())
        .where(MemberOverride.id == override_id)
        .with_for_update(of=MemberOverride)
    )
    view = session.exec(statement).first()
    if view is None:
        raise NotFound("override_unknown", "There is no such override.")
    row, slug, membership = view
    if row.ends_on != ends_on:
        _refuse_end(row, ends_on, now.date())
        row.ends_on, row.ended_at = ends_on, now
        session.flush()
    return OverrideView(row, slug, _is_in_force(row, membership, now.date()))


def of_member(
    session: Session, *, organisation_id: UUID, member_id: int, today: date
) -> list[OverrideView]:
    """Returns an organisation's overrides on a member, ended ones too, the last recorded first."""
    statement = _views(organisation_id, today).where(MemberOverride.member_id == member_id)
    return [
        OverrideView(row, slug, _is_in_force(row, membership, today))
        for row, slug, membership in session.exec(statement)
    ]


def history(session: Session, *, organisation_id: UUID, campaign_id: UUID) -> list[OverrideEvent]:
    """Returns when overrides began and ended, in order of `seen_at`.

    They are an organisation's overrides for all its campaigns and those for `campaign_id`. An
    override that only its membership's end cut short has no end here.
    """
    campaign = col(MemberOverride.campaign_id)
    statement = (
        select(MemberOverride, Member)
        .join(Member, col(Member.id) == MemberOverride.member_id)
        .where(
            MemberOverride.organisation_id == organisation_id,
            sa.or_(campaign.is_(None), campaign == campaign_id),
        )
    )
    events = [event for row, member in session.exec(statement) for event in _events(row, member)]
    return sorted(events, key=lambda event: (event.seen_at, event.override_id, event.has_ended))


def _events(row: MemberOverride, member: Member) -> list[OverrideEvent]:
    key = (row.id, row.kind)
    begun = OverrideEvent(*key, False, row.starts_on, row.recorded_at, member, row.link)
    if row.ends_on is None:
        return [begun]
    day = datetime.combine(row.ends_on, time(), UTC)
    seen_at = max(row.ended_at or row.recorded_at, day)
    return [begun, OverrideEvent(*key, True, row.ends_on, seen_at, member, row.link)]


def _views(organisation_id: UUID, today: date) -> Select[MemberOverride, str, Membership]:
    """Selects overrides with their campaign's slug and the member's open membership, the last
    recorded first. The slug is None without a campaign, the membership None without a seat."""
    open_membership = sa.and_(
        col(Membership.member_id) == MemberOverride.member_id, *_is_valid_on(Membership, today)
    )
    return (
        select(MemberOverride, Campaign.slug, Membership)
        .outerjoin(Campaign, col(Campaign.id) == MemberOverride.campaign_id)
        .outerjoin(Membership, open_membership)
        .where(MemberOverride.organisation_id == organisation_id)
        .order_by(col(MemberOverride.id).desc())
    )


def _open_membership(session: Session, member: Member, today: date) -> Membership:
    """Locks the row, so that the second of two concurrent overrides sees the first."""
    statement = select(Membership).where(
        Membership.member_id == member.id, *_is_valid_on(Membership, today)
    )
    membership = session.exec(statement.with_for_update()).first()
    if membership is None:
        raise Conflict("member_without_seat", f"{member.name} holds no seat.")
    return membership


def _check_campaign(kind: OverrideKind, campaign: Campaign | None) -> None:
    if kind.is_of_campaign and campaign is None:
        message = "Say which campaign's motion it is about."
        raise Invalid.field("campaign", "missing", message)
    if campaign is not None and not kind.is_of_campaign:
        message = "This is noted for all campaigns: leave the campaign out."
        raise Invalid.field("campaign", "not_allowed", message)


def _check_days(starts_on: date, ends_on: date | None, membership: Membership, today: date) -> None:
    if starts_on > today:
        raise Invalid.field("starts_on", "in_the_future", "This day is still to come.")
    if starts_on < membership.starts_on:
        message = (
            f"This member's membership began on {membership.starts_on}: "
            "what was noted before ended with the one before."
        )
        raise Invalid.field("starts_on", "before_membership", message)
    if ends_on is not None and ends_on <= starts_on:
        raise Invalid.field("ends_on", "too_early", f"This must be after {starts_on}.")


def _on_same_subject(
    session: Session, new: MemberOverride, membership: Membership, today: date
) -> list[MemberOverride]:
    """Returns overrides in force now or later that began in the open membership."""
    ends_on = col(MemberOverride.ends_on)
    statement = select(MemberOverride).where(
        MemberOverride.organisation_id == new.organisation_id,
        MemberOverride.member_id == new.member_id,
        col(MemberOverride.kind).in_(_STATEMENTS if new.kind in _STATEMENTS else (new.kind,)),
        MemberOverride.campaign_id == new.campaign_id,
        MemberOverride.starts_on >= membership.starts_on,
        sa.or_(ends_on.is_(None), ends_on > today),
    )
    return list(session.exec(statement))


def _end_earlier(other: MemberOverride, new: MemberOverride, now: datetime) -> None:
    earlier, later = (other, new) if other.starts_on <= new.starts_on else (new, other)
    if earlier.ends_on is None or earlier.ends_on > later.starts_on:
        earlier.ends_on, earlier.ended_at = later.starts_on, now


def _refuse_end(row: MemberOverride, ends_on: date, today: date) -> None:
    if row.ends_on is not None and row.ends_on <= today:
        raise Conflict("override_ended", f"This has ended on {row.ends_on}.")
    if ends_on < row.starts_on:
        message = f"It began on {row.starts_on} and cannot end before."
        raise Invalid.field("ends_on", "too_early", message)


def _is_in_force(row: MemberOverride, membership: Membership | None, today: date) -> bool:
    """Applies the rule of `in_force` to one row."""
    if membership is None or row.starts_on < membership.starts_on or row.starts_on > today:
        return False
    return row.ends_on is None or row.ends_on > today


def _is_valid_on(
    model: type[MemberOverride] | type[Membership], today: date
) -> tuple[sa.ColumnElement[bool], ...]:
    ends_on = col(model.ends_on)
    return (col(model.starts_on) <= today, sa.or_(ends_on.is_(None), ends_on > today))
