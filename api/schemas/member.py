"""A member, as a page of facts."""

from datetime import date

from pydantic import Field

from api.schemas.fields import Answer
from api.schemas.postcode import ConstituencyAnswer, constituency_answer
from api.schemas.reply import PublicReplyAnswer, ReplyAnswer, public_reply_answer, reply_answer
from models import MotionStatus, OfficeKind
from services.parliament.standing import Eligibility, Role, Standing
from services.views.member_views import MemberMotion, MemberView


class MembershipAnswer(Answer):
    """A seat that the member held, from a day to a day."""

    constituency: ConstituencyAnswer
    starts_on: date
    ends_on: date | None


class OfficeAnswer(Answer):
    """An office. `is_held`: today."""

    kind: OfficeKind
    title: str
    starts_on: date
    ends_on: date | None
    is_held: bool


class MemberMotionAnswer(Answer):
    """A motion, and how the member stands towards it; `campaigns` are slugs."""

    id: int
    number: str
    title: str
    status: MotionStatus
    parliament_session: str | None
    campaigns: list[str]
    standing: Standing
    role: Role | None
    signed_on: date | None
    withdrawn_on: date | None


class MemberPageAnswer(Answer):
    """A member. `constituency` and `eligibility` are null where they hold no seat today.

    Eligibility is as of today and towards no motion: a name that stands under one overrides it.
    A key's own organisation sees its replies whole, before those of others.
    """

    id: int
    name: str
    party: str
    constituency: ConstituencyAnswer | None
    memberships: list[MembershipAnswer]
    offices: list[OfficeAnswer]
    posts: list[OfficeAnswer] = Field(description="The same as `offices`, under its first name.")
    eligibility: Eligibility | None
    motions: list[MemberMotionAnswer]
    replies: list[ReplyAnswer | PublicReplyAnswer]


def member_page_answer(view: MemberView) -> MemberPageAnswer:
    """From the view of a member; never with the address of their office."""
    own = [reply_answer(reply) for reply in view.own_replies]
    offices = [
        OfficeAnswer(**office.model_dump(exclude={"id", "member_id"}), is_held=is_held)
        for office, is_held in view.offices
    ]
    return MemberPageAnswer(
        **view.member.model_dump(include={"id", "name", "party"}),
        constituency=constituency_answer(view.constituency),
        memberships=[
            MembershipAnswer(
                constituency=ConstituencyAnswer.model_validate(seat),
                starts_on=held.starts_on,
                ends_on=held.ends_on,
            )
            for held, seat in view.memberships
        ],
        offices=offices,
        posts=offices,
        eligibility=view.eligibility,
        motions=[_motion(found) for found in view.motions],
        replies=[*own, *(public_reply_answer(reply) for reply in view.replies)],
    )


def _motion(found: MemberMotion) -> MemberMotionAnswer:
    motion, position = found.motion, found.position
    return MemberMotionAnswer(
        **motion.model_dump(include={"id", "number", "title", "status"}),
        parliament_session=found.parliament_session,
        campaigns=list(found.campaigns),
        standing=position.standing,
        role=position.role,
        signed_on=position.signed_on,
        withdrawn_on=position.withdrawn_on,
    )
