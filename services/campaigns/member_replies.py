"""Members' replies to campaigns. The public sees only replies that have been verified."""

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

_INTENTS = {
    ReplyKind.WILL_SIGN: StatedIntent.WILL_SIGN,
    ReplyKind.WILL_NOT: StatedIntent.WILL_NOT,
    OverrideKind.SAYS_WILL_SIGN: StatedIntent.WILL_SIGN,
    OverrideKind.SAYS_WILL_NOT: StatedIntent.WILL_NOT,
}

Statement = tuple[date, StatedIntent]
"""What a member said that they will do, and the day."""


@dataclass(frozen=True, slots=True)
class VerifiedReply:
    """The public part of a reply: not its text, nor who verified it."""

    kind: ReplyKind
    said_on: date
    link: str | None


@dataclass(frozen=True, slots=True)
class ReplyView:
    """A reply as its organisation sees it, with the member and the campaign's slug."""

    reply: MemberReply
    member: Member
    campaign_slug: str


def record(
    session: Session,
    campaign: Campaign,
    *,
    member_id: int,
    values: dict[str, Any],
    api_key_id: UUID,
    now: datetime,
) -> ReplyView:
    """Add a member's reply about the campaign's current motion.

    `values` are `kind`, `text`, `said_on`, `link` and `verified_by`. `api_key_id` is kept for a
    reply that is verified. Raises Invalid for an unknown member id and for a day in the future.
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
        **_checked(values, campaign.organisation_id, now) | _verified(values, api_key_id),
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
    api_key_id: UUID,
    now: datetime,
) -> ReplyView:
    """Change the given values only; None removes the text, the link or the verification."""
    view = own(session, reply_id, organisation_id=organisation_id, for_update=True)
    changed = _checked(values, organisation_id, now) | _verified(values, api_key_id)
    view.reply.sqlmodel_update(changed)
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
    """Save what the writer of a letter reports of the member's reply; it is unverified.

    `values` are `kind`, `text` and `said_on`; None removes the report. It replaces an earlier
    report of the same letter unless that has been verified. Without `said_on`, the day of an
    earlier report of the same kind is kept, or today is used. The caller must have locked the
    letter.
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
    default_day = reply.said_on if reply is not None and is_same else times.today(now)
    values = {**values, "said_on": values["said_on"] or default_day}
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
    """Returns what the writer of a letter reported of the member's reply."""
    statement = select(MemberReply).where(MemberReply.letter_id == letter_id)
    if for_update:
        statement = statement.with_for_update()
    return session.exec(statement.execution_options(populate_existing=True)).first()


def own(
    session: Session, reply_id: UUID, *, organisation_id: UUID, for_update: bool = False
) -> ReplyView:
    """Returns a reply of this organisation; raises NotFound for any other.

    `for_update` locks it, because the writer of the letter may change their report.
    """
    statement = _views(organisation_id).where(MemberReply.id == reply_id)
    if for_update:
        statement = statement.with_for_update(of=MemberReply)
    row = session.exec(statement.execution_options(populate_existing=True)).first()
    if row is None:
        raise NotFound("reply_unknown", "There is no such reply.")
    return ReplyView(*row)


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
    """Returns a campaign's replies, the newest entry first, starting after the id `after`."""
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
    rows = session.exec(statement.order_by(col(MemberReply.id).desc()).limit(limit))
    return [ReplyView(*row) for row in rows]


def of_member(session: Session, *, organisation_id: UUID, member_id: int) -> list[ReplyView]:
    """Returns a member's replies to one organisation, the newest first by day."""
    statement = _views(organisation_id).where(MemberReply.member_id == member_id)
    newest = (col(MemberReply.said_on).desc(), col(MemberReply.id).desc())
    return [ReplyView(*row) for row in session.exec(statement.order_by(*newest))]


def latest_verified(session: Session, campaign_id: UUID) -> dict[int, VerifiedReply]:
    """Returns each member's newest verified reply, by the day on which it was said."""
    public_columns = (col(MemberReply.kind), col(MemberReply.said_on), col(MemberReply.link))
    statement = (
        select(MemberReply.member_id, *public_columns)
        .where(MemberReply.campaign_id == campaign_id, col(MemberReply.verified_by).is_not(None))
        .order_by(col(MemberReply.said_on), col(MemberReply.id))
    )
    return {
        member_id: VerifiedReply(kind, said_on, link)
        for member_id, kind, said_on, link in session.exec(statement)
    }


def own_statements(session: Session, campaign_id: UUID) -> dict[int, Statement]:
    """Returns what members last told the campaign's organisation, verified or not, by member.

    Reports of constituents do not count: anybody could make a member unasked with them.
    """
    columns = (col(MemberReply.said_on), col(MemberReply.kind))
    statement = (
        select(MemberReply.member_id, *columns)
        .where(
            MemberReply.campaign_id == campaign_id,
            col(MemberReply.letter_id).is_(None),
            col(MemberReply.kind).in_((ReplyKind.WILL_SIGN, ReplyKind.WILL_NOT)),
        )
        .order_by(col(MemberReply.said_on), col(MemberReply.id))
    )
    return {
        member_id: (said_on, _INTENTS[kind]) for member_id, said_on, kind in session.exec(statement)
    }


def stated_intent(
    reply: VerifiedReply | None, notes: Sequence[MemberOverride]
) -> StatedIntent | None:
    """Returns a member's newest statement that they will sign or will not, or None.

    It comes from the newest verified reply or from an organiser's note; on the same day the note
    counts.
    """
    last = last_statement(reply, notes)
    return last[1] if last else None


def last_statement(
    reply: VerifiedReply | None, notes: Sequence[MemberOverride]
) -> Statement | None:
    """Returns the same with its day."""
    replied = [(reply.said_on, _INTENTS[reply.kind])] if reply and reply.kind in _INTENTS else []
    noted = [(note.starts_on, _INTENTS[note.kind]) for note in notes if note.kind in _INTENTS]
    in_order = sorted([*replied, *noted], key=lambda statement: statement[0])
    return in_order[-1] if in_order else None


def _views(organisation_id: UUID) -> Select[MemberReply, Member, str]:
    return (
        select(MemberReply, Member, Campaign.slug)
        .join(Member, col(Member.id) == MemberReply.member_id)
        .join(Campaign, col(Campaign.id) == MemberReply.campaign_id)
        .where(Campaign.organisation_id == organisation_id)
    )


def _verified(values: dict[str, Any], api_key_id: UUID) -> dict[str, Any]:
    """Returns the key with which a reply was verified, where the values say something about it."""
    if "verified_by" not in values:
        return {}
    return {"api_key_id": api_key_id if values["verified_by"] is not None else None}


def _checked(values: dict[str, Any], organisation_id: UUID, now: datetime) -> dict[str, Any]:
    """Returns the values in the form in which they are stored; raises Invalid for a future day."""
    # A reply may be older than the motion, because some members answer before it is tabled.
    said_on = values.get("said_on")
    if said_on is not None and said_on > times.today(now):
        raise Invalid.field("said_on", "in_the_future", "This day is still to come.")
    sealed = {
        name: Private(organisation_id, values[name])
        for name in _SEALED
        if values.get(name) is not None
    }
    return values | sealed
