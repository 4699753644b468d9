"""What organisers note about members: who signs no motions, who is a PPS, who has said what.

An override holds from a day to a day, and ends with the membership in which it began.
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
    """What an organiser writes down; without `starts_on` it holds from today."""

    kind: OverrideKind
    reason: str
    link: str
    starts_on: date | None = None
    ends_on: date | None = None


@dataclass(frozen=True, slots=True)
class OverrideView:
    """An override with its campaign's slug, and whether it holds today."""

    override: MemberOverride
    campaign_slug: str | None
    is_in_force: bool


@dataclass(frozen=True, slots=True)
class OverrideEvent:
    """That an override began or ended: on which day, and when we were told.

    Of an ending that was told ahead, `seen_at` is the beginning of its day, which can be to come.
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
    member_ids: Iterable[int],
    today: date,
) -> dict[int, list[MemberOverride]]:
    """What holds of each member today, in order of its day: for all campaigns of an organisation,
    and for one of them.

    Begun, not ended, and begun in the membership that is open today.
    """
    campaign = col(MemberOverride.campaign_id)
    statement = (
        select(MemberOverride)
        .join(Membership, col(Membership.member_id) == MemberOverride.member_id)
        .where(
            MemberOverride.organisation_id == organisation_id,
            sa.or_(campaign.is_(None), campaign == campaign_id),
            col(MemberOverride.member_id).in_(list(member_ids)),
            *_holds(MemberOverride, today),
            *_holds(Membership, today),
            col(Membership.starts_on) <= col(MemberOverride.starts_on),
        )
        .order_by(col(MemberOverride.starts_on), col(MemberOverride.id))
    )
    found: defaultdict[int, list[MemberOverride]] = defaultdict(list)
    for row in session.exec(statement):
        found[row.member_id].append(row)
    return found


def record(
    session: Session,
    new: NewOverride,
    *,
    organisation_id: UUID,
    member: Member,
    campaign: Campaign | None,
    now: datetime,
) -> OverrideView:
    """Write an override down. `campaign` is one of the organisation's.

    Of one matter only one override holds at a time, and what a member says of one campaign is one
    matter: what held before ends on the day on which this one begins; where something holds that
    began later, this one ends on that day. Conflict where the member holds no seat; Invalid where
    days or the campaign do not fit.
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
        recorded_at=now,
        ended_at=now if new.ends_on else None,
    )
    for other in _of_same_matter(session, row, membership, today):
        _end_earlier(other, row, now)
    session.add(row)
    session.flush()
    is_in_force = _is_in_force(row, membership, today)
    return OverrideView(row, campaign.slug if campaign else None, is_in_force)


def end(
    session: Session, override_id: UUID, *, organisation_id: UUID, ends_on: date, now: datetime
) -> OverrideView:
    """End an override on a day, which can be past or to come; it is kept, since it is history.

    NotFound for another organisation's. Conflict where it has ended on another day.
    """
    statement = (
        _views(organisation_id, now.date())
        .where(MemberOverride.id == override_id)
        .with_for_update(of=MemberOverride)
    )
    found = session.exec(statement).first()
    if found is None:
        raise NotFound("override_unknown", "There is no such override.")
    row, slug, membership = found
    if row.ends_on != ends_on:
        _refuse_end(row, ends_on, now.date())
        row.ends_on, row.ended_at = ends_on, now
        session.flush()
    return OverrideView(row, slug, _is_in_force(row, membership, now.date()))


def of_member(
    session: Session, *, organisation_id: UUID, member_id: int, today: date
) -> list[OverrideView]:
    """All that one organisation noted about a member, ended ones too, the last recorded first."""
    statement = _views(organisation_id, today).where(MemberOverride.member_id == member_id)
    return [
        OverrideView(row, slug, _is_in_force(row, membership, today))
        for row, slug, membership in session.exec(statement)
    ]


def history(session: Session, *, organisation_id: UUID, campaign_id: UUID) -> list[OverrideEvent]:
    """Every beginning and ending that an organisation noted for all its campaigns or for this one,
    in the order in which they were seen. The end of a membership is no ending here."""
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
    said = (row.id, row.kind)
    begun = OverrideEvent(*said, False, row.starts_on, row.recorded_at, member, row.link)
    if row.ends_on is None:
        return [begun]
    day = datetime.combine(row.ends_on, time(), UTC)
    seen_at = max(row.ended_at or row.recorded_at, day)
    return [begun, OverrideEvent(*said, True, row.ends_on, seen_at, member, row.link)]


def _views(organisation_id: UUID, today: date) -> Select[MemberOverride, str, Membership]:
    """Overrides with their campaign's slug and the member's open membership, the last recorded
    first; of an override without a campaign, or a member without a seat, the last two are None."""
    open_one = sa.and_(
        col(Membership.member_id) == MemberOverride.member_id, *_holds(Membership, today)
    )
    return (
        select(MemberOverride, Campaign.slug, Membership)
        .outerjoin(Campaign, col(Campaign.id) == MemberOverride.campaign_id)
        .outerjoin(Membership, open_one)
        .where(MemberOverride.organisation_id == organisation_id)
        .order_by(col(MemberOverride.id).desc())
    )


def _open_membership(session: Session, member: Member, today: date) -> Membership:
    """Locked, so that of two notes that come at once the second sees the first."""
    statement = select(Membership).where(
        Membership.member_id == member.id, *_holds(Membership, today)
    )
    found = session.exec(statement.with_for_update()).first()
    if found is None:
        raise Conflict("member_without_seat", f"{member.name} holds no seat.")
    return found


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


def _of_same_matter(
    session: Session, new: MemberOverride, membership: Membership, today: date
) -> list[MemberOverride]:
    """What holds or will hold of the matter, and began in the open membership."""
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
    """As `in_force` tells it."""
    if membership is None or row.starts_on < membership.starts_on or row.starts_on > today:
        return False
    return row.ends_on is None or row.ends_on > today


def _holds(
    model: type[MemberOverride] | type[Membership], today: date
) -> tuple[sa.ColumnElement[bool], ...]:
    ends_on = col(model.ends_on)
    return (col(model.starts_on) <= today, sa.or_(ends_on.is_(None), ends_on > today))
