"""What members answered."""

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
    """An answer of a member. `verified_by` names who checked it; without, the public sees none of
    it."""

    member_id: MemberId
    kind: ReplyKind
    text: ReplyText | None = None
    said_on: Day
    link: Link | None = None
    verified_by: Line100 | None = None

    def values(self) -> dict[str, Any]:
        """As the services take them."""
        return self.model_dump(exclude={"member_id"})


class ReplyChange(Request):
    """What is to change; what is left out stays. Null takes text, link or verification away."""

    kind: ReplyKind | None = None
    text: ReplyText | None = None
    said_on: Day | None = None
    link: Link | None = None
    verified_by: Line100 | None = None


class ReplyMember(Answer):
    """Who answered."""

    id: int
    name: str
    party: str


class ReplyAnswer(Answer):
    """A reply of the key's own organisation, decrypted. `motion_id` is the motion that was the
    campaign's when it was recorded. `is_from_constituent`: the writer of a letter told of it."""

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
    """What everybody sees of a verified reply."""

    campaign: str
    kind: ReplyKind
    said_on: date
    link: str | None


def reply_answer(view: ReplyView) -> ReplyAnswer:
    """From the view of a reply."""
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
    """From the view of a member."""
    reply = public.reply
    return PublicReplyAnswer(
        campaign=public.campaign, kind=reply.kind, said_on=reply.said_on, link=reply.link
    )
