"""The ledger of what members answered. Only what somebody has verified is shown to the public."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlmodel import Session, col, select

from lobby.models import MemberOverride, MemberReply, OverrideKind, ReplyKind
from lobby.services.standing import Said

_SAID = {
    ReplyKind.WILL_SIGN: Said.WILL_SIGN,
    ReplyKind.WILL_NOT: Said.WILL_NOT,
    OverrideKind.SAYS_WILL_SIGN: Said.WILL_SIGN,
    OverrideKind.SAYS_WILL_NOT: Said.WILL_NOT,
}


@dataclass(frozen=True, slots=True)
class VerifiedReply:
    """What the public sees of a reply: not its text, nor who verified it."""

    kind: ReplyKind
    said_on: date
    link: str | None


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


def said_last(reply: VerifiedReply | None, notes: Sequence[MemberOverride]) -> Said | None:
    """Whether a member said last that they will sign, or that they will not: in their last verified
    reply, or by an organiser's note, which counts more where both are of one day."""
    told = [(reply.said_on, _SAID[reply.kind])] if reply and reply.kind in _SAID else []
    noted = [(note.starts_on, _SAID[note.kind]) for note in notes if note.kind in _SAID]
    in_order = sorted([*told, *noted], key=lambda saying: saying[0])
    return in_order[-1][1] if in_order else None
