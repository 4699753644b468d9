"""Bodies of a member's page, and of the list of sitting members."""

from datetime import date

from pydantic import Field

from api.schemas.fields import Answer
from api.schemas.postcode import ConstituencyAnswer, constituency_answer
from api.schemas.reply import PublicReplyAnswer, ReplyAnswer, public_reply_answer, reply_answer
from models import MotionStatus, OfficeKind
from services.parliament import parties
from services.parliament.seats import Seat
from services.parliament.standing import Eligibility, Role, Standing
from services.views.member_views import MemberMotion, MemberView


class MembershipAnswer(Answer):
    """A seat that the member holds or held. `ends_on` is null for the present one."""

    constituency: ConstituencyAnswer
    starts_on: date
    ends_on: date | None


class OfficeAnswer(Answer):
    """An office of the member. `is_held`: they hold it today."""

    kind: OfficeKind
    title: str
    starts_on: date
    ends_on: date | None
    is_held: bool


class MemberMotionAnswer(Answer):
    """A motion, and whether the member signed it. `campaigns` are slugs."""

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
    """A member. `constituency` and `eligibility` are null if they hold no seat today.

    `eligibility` is that of today, for motions in general. For a motion that the member has signed,
    their signature counts instead. The key's organisation sees its own replies in full, before
    those of others.
    """

    id: int
    name: str
    party: str
    party_name: str
    party_group: str
    constituency: ConstituencyAnswer | None
    memberships: list[MembershipAnswer]
    offices: list[OfficeAnswer]
    posts: list[OfficeAnswer] = Field(description="The former name of `offices`.")
    eligibility: Eligibility | None
    motions: list[MemberMotionAnswer]
    replies: list[ReplyAnswer | PublicReplyAnswer]


class SittingMember(Answer):
    """A member who holds a seat today, with the offices that limit their freedom to sign."""

    id: int
    name: str
    party: str
    party_name: str
    party_group: str
    constituency: ConstituencyAnswer
    offices: list[OfficeKind]


def member_page_answer(view: MemberView) -> MemberPageAnswer:
    """Converts the view of a member, without the email address of their office."""
    own = [reply_answer(reply) for reply in view.own_replies]
    offices = [
        OfficeAnswer(**office.model_dump(exclude={"id", "member_id"}), is_held=is_held)
        for office, is_held in view.offices
    ]
    return MemberPageAnswer(
        **view.member.model_dump(include={"id", "name", "party"}),
        party_name=parties.display_name(view.member.party),
        party_group=parties.group(view.member.party),
        constituency=constituency_answer(view.constituency),
        memberships=[
            MembershipAnswer(
                constituency=ConstituencyAnswer.model_validate(seat),
                starts_on=membership.starts_on,
                ends_on=membership.ends_on,
            )
            for membership, seat in view.memberships
        ],
        offices=offices,
        posts=offices,
        eligibility=view.eligibility,
        motions=[_motion(item) for item in view.motions],
        replies=[*own, *(public_reply_answer(reply) for reply in view.replies)],
    )


def _motion(item: MemberMotion) -> MemberMotionAnswer:
    motion, position = item.motion, item.position
    return MemberMotionAnswer(
        **motion.model_dump(include={"id", "number", "title", "status"}),
        parliament_session=item.parliament_session,
        campaigns=list(item.campaigns),
        standing=position.standing,
        role=position.role,
        signed_on=position.signed_on,
        withdrawn_on=position.withdrawn_on,
    )


def sitting_members(seats: list[Seat]) -> list[SittingMember]:
    """Converts the members of seats, in order of their ids."""
    found = [
        SittingMember(
            id=seat.member.id,
            name=seat.member.name,
            party=seat.member.party,
            party_name=parties.display_name(seat.member.party),
            party_group=parties.group(seat.member.party),
            constituency=ConstituencyAnswer.model_validate(seat.constituency),
            offices=sorted(seat.offices),
        )
        for seat in seats
        if seat.member
    ]
    return sorted(found, key=lambda member: member.id)
