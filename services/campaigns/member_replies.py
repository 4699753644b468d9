"""The ledger of what members answered. Only what somebody has verified is shown to the public."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import Select

from models import (
    Campaign,
    Letter,
    Member,
    MemberOverride,
    MemberReply,
    OverrideKind,
    Private,
    ReplyKind,
)
from services.campaigns import campaigns
from services.common import times
from services.errors import Invalid, NotFound
from services.parliament.standing import StatedIntent

_SEALED = ("text", "verified_by")

_SAID = {
    ReplyKind.WILL_SIGN: StatedIntent.WILL_SIGN,
    ReplyKind.WILL_NOT: StatedIntent.WILL_NOT,
    OverrideKind.SAYS_WILL_SIGN: StatedIntent.WILL_SIGN,
    OverrideKind.SAYS_WILL_NOT: StatedIntent.WILL_NOT,
}


@dataclass(frozen=True, slots=True)
class VerifiedReply:
    """What the public sees of a reply: not its text, nor who verified it."""

    kind: ReplyKind
    said_on: date
    link: str | None


@dataclass(frozen=True, slots=True)
class ReplyView:
    """A reply as its organisation sees it, with whose it is and of which campaign."""

    reply: MemberReply
    member: Member
    campaign_slug: str


def record(
    session: Session, campaign: Campaign, *, member_id: int, values: dict[str, Any], now: datetime
) -> ReplyView:
    """Write a reply down, to the motion that is the campaign's now.

    `values` are `kind`, `text`, `said_on`, `link` and `verified_by`. Invalid where nobody has that
    member id, or where the day is still to come.
    """
    member = session.get(Member, member_id)
    if member is None:
        message = f"There is no member {member_id}."
        raise Invalid.field("member_id", "member_unknown", message)
    motion = campaigns.motion_of(session, campaign.id)
    reply = MemberReply(
        campaign_id=campaign.id,
        motion_id=motion.id if motion else None,
        member_id=member_id,
        recorded_at=now,
        updated_at=now,
        **_checked(values, campaign.organisation_id, now),
    )
    session.add(reply)
    session.flush()
    return ReplyView(reply, member, campaign.slug)


def change(
    session: Session,
    reply_id: UUID,
    *,
    organisation_id: UUID,
    values: dict[str, Any],
    now: datetime,
) -> ReplyView:
    """Change the given values only; None takes a text, a link or who verified it away."""
    view = own(session, reply_id, organisation_id=organisation_id, for_update=True)
    view.reply.sqlmodel_update(_checked(values, organisation_id, now))
    view.reply.updated_at = now
    session.flush()
    return view


def delete(session: Session, reply_id: UUID, *, organisation_id: UUID) -> None:
    """Delete a reply for good: a wrong entry about a person must not stay."""
    view = own(session, reply_id, organisation_id=organisation_id, for_update=True)
    session.delete(view.reply)
    session.flush()


def note_from_letter(
    session: Session, letter: Letter, *, values: dict[str, Any] | None, now: datetime
) -> None:
    """What the writer of a letter tells of its answer, unverified: `kind`, `text` and `said_on`, or
    None for nothing. It replaces what they told before, but not once somebody has verified that.

    Without a day it was said today, or when they told of the same kind of answer before. The letter
    must be held under a lock.
    """
    reply = of_letter(session, letter.id, for_update=True)
    if reply is not None and reply.verified_by is not None:
        return
    if values is None:
        if reply is not None:
            session.delete(reply)
        session.flush()
        return
    is_same = reply is not None and reply.kind is values["kind"]
    before = reply.said_on if reply is not None and is_same else times.today(now)
    values = {**values, "said_on": values["said_on"] or before}
    checked = _checked(values, letter.body.organisation_id, now)
    if reply is None:
        session.add(
            MemberReply(
                campaign_id=letter.campaign_id,
                motion_id=letter.motion_id,
                letter_id=letter.id,
                member_id=letter.member_id,
                recorded_at=now,
                updated_at=now,
                **checked,
            )
        )
    else:
        reply.sqlmodel_update({**checked, "updated_at": now})
    session.flush()


def of_letter(session: Session, letter_id: UUID, *, for_update: bool = False) -> MemberReply | None:
    """What the writer of a letter told of its answer."""
    statement = select(MemberReply).where(MemberReply.letter_id == letter_id)
    if for_update:
        statement = statement.with_for_update()
    return session.exec(statement.execution_options(populate_existing=True)).first()


def own(
    session: Session, reply_id: UUID, *, organisation_id: UUID, for_update: bool = False
) -> ReplyView:
    """A reply of one organisation; another's is NotFound. `for_update`: its writer, who may change
    what they told, waits."""
    statement = _views(organisation_id).where(MemberReply.id == reply_id)
    if for_update:
        statement = statement.with_for_update(of=MemberReply)
    found = session.exec(statement.execution_options(populate_existing=True)).first()
    if found is None:
        raise NotFound("reply_unknown", "There is no such reply.")
    return ReplyView(*found)


def page(
    session: Session,
    campaign: Campaign,
    *,
    member_id: int | None,
    kind: ReplyKind | None,
    is_verified: bool | None,
    after: UUID | None,
    limit: int,
) -> list[ReplyView]:
    """A campaign's replies, the last recorded first, behind the id `after`."""
    verified = col(MemberReply.verified_by)
    statement = _views(campaign.organisation_id).where(MemberReply.campaign_id == campaign.id)
    if member_id is not None:
        statement = statement.where(MemberReply.member_id == member_id)
    if kind is not None:
        statement = statement.where(MemberReply.kind == kind)
    if is_verified is not None:
        statement = statement.where(verified.is_not(None) if is_verified else verified.is_(None))
    if after is not None:
        statement = statement.where(MemberReply.id < after)
    found = session.exec(statement.order_by(col(MemberReply.id).desc()).limit(limit))
    return [ReplyView(*row) for row in found]


def of_member(session: Session, *, organisation_id: UUID, member_id: int) -> list[ReplyView]:
    """All that a member answered one organisation, the last said first."""
    statement = _views(organisation_id).where(MemberReply.member_id == member_id)
    newest = (col(MemberReply.said_on).desc(), col(MemberReply.id).desc())
    return [ReplyView(*row) for row in session.exec(statement.order_by(*newest))]


def latest_verified(session: Session, campaign_id: UUID) -> dict[int, VerifiedReply]:
    """The last verified reply of each member, by the day on which it was said."""
    seen = (col(MemberReply.kind), col(MemberReply.said_on), col(MemberReply.link))
    statement = (
        select(MemberReply.member_id, *seen)
        .where(MemberReply.campaign_id == campaign_id, col(MemberReply.verified_by).is_not(None))
        .order_by(col(MemberReply.said_on), col(MemberReply.id))
    )
    return {
        member_id: VerifiedReply(kind, said_on, link)
        for member_id, kind, said_on, link in session.exec(statement)
    }


def said_last(reply: VerifiedReply | None, notes: Sequence[MemberOverride]) -> StatedIntent | None:
    """Whether a member said last that they will sign, or that they will not: in their last verified
    reply, or by an organiser's note, which counts more where both are of one day."""
    told = [(reply.said_on, _SAID[reply.kind])] if reply and reply.kind in _SAID else []
    noted = [(note.starts_on, _SAID[note.kind]) for note in notes if note.kind in _SAID]
    in_order = sorted([*told, *noted], key=lambda saying: saying[0])
    return in_order[-1][1] if in_order else None


def _views(organisation_id: UUID) -> Select[MemberReply, Member, str]:
    return (
        select(MemberReply, Member, Campaign.slug)
        .join(Member, col(Member.id) == MemberReply.member_id)
        .join(Campaign, col(Campaign.id) == MemberReply.campaign_id)
        .where(Campaign.organisation_id == organisation_id)
    )


def _checked(values: dict[str, Any], organisation_id: UUID, now: datetime) -> dict[str, Any]:
    """The values as they are stored. A reply can be older than the motion: members answer early."""
    said_on = values.get("said_on")
    if said_on is not None and said_on > times.today(now):
        raise Invalid.field("said_on", "in_the_future", "This day is still to come.")
    sealed = {
        name: Private(organisation_id, values[name])
        for name in _SEALED
        if values.get(name) is not None
    }
    return values | sealed
