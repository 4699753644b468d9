"""Bodies of members' replies to a campaign."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from api.schemas.days import Day
from api.schemas.fields import Answer, Line100, Request, paragraphs
from api.schemas.override import Link
from models import ReplyKind
from services.campaigns.member_replies import ReplyView
from services.views.member_views import PublicReply

MemberId = Annotated[int, Field(gt=0, lt=2**31, description="Parliament's id of a member")]
ReplyText = Annotated[str, paragraphs(10_000, shortest=1)]


class NewReply(Request):
    """A member's reply. `verified_by` names the person who checked it.

    The public sees nothing of a reply that is not verified.
    """

    member_id: MemberId
    kind: ReplyKind
    text: ReplyText | None = None
    said_on: Day
    link: Link | None = None
    verified_by: Line100 | None = None

    def values(self) -> dict[str, Any]:
        return self.model_dump(exclude={"member_id"})


class ReplyChange(Request):
    """The fields to change. Others stay as they are. Null removes text, link or verification."""

    kind: ReplyKind | None = None
    text: ReplyText | None = None
    said_on: Day | None = None
    link: Link | None = None
    verified_by: Line100 | None = None


class ReplyMember(Answer):
    """The member who replied."""

    id: int
    name: str
    party: str


class ReplyAnswer(Answer):
    """A reply to a campaign of the key's organisation, decrypted.

    `motion_id` is the campaign's motion when the reply was recorded. `is_from_constituent`: the
    writer of a letter reported it.
    """

    id: UUID
    campaign: str
    motion_id: int | None
    member: ReplyMember
    kind: ReplyKind
    text: str | None
    said_on: date
    link: str | None
    verified_by: str | None
    is_from_constituent: bool
    recorded_at: datetime
    updated_at: datetime


class PublicReplyAnswer(Answer):
    """The public part of a verified reply."""

    campaign: str
    kind: ReplyKind
    said_on: date
    link: str | None


def reply_answer(view: ReplyView) -> ReplyAnswer:
    """Converts the view of a reply."""
    reply = view.reply
    plain = {"id", "motion_id", "kind", "said_on", "link", "recorded_at", "updated_at"}
    return ReplyAnswer(
        **reply.model_dump(include=plain),
        campaign=view.campaign_slug,
        member=ReplyMember.model_validate(view.member),
        text=reply.text.text if reply.text else None,
        verified_by=reply.verified_by.text if reply.verified_by else None,
        is_from_constituent=reply.letter_id is not None,
    )


def public_reply_answer(public: PublicReply) -> PublicReplyAnswer:
    """Converts a verified reply for the public."""
    reply = public.reply
    return PublicReplyAnswer(
        campaign=public.campaign, kind=reply.kind, said_on=reply.said_on, link=reply.link
    )
