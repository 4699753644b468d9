"""Bodies of the members whom a campaign should ask next."""

from api.schemas.fields import Answer
from api.schemas.postcode import ConstituencyAnswer, MemberAnswer, member_answer
from services.targets.reasons import ReasonCode
from services.targets.targets import RankedTarget


class ReasonAnswer(Answer):
    """A reason to ask the member: a code for programs and a text."""

    code: ReasonCode
    text: str


class TargetAnswer(Answer):
    """A member to ask. A `score` of 1 is average. Only the order of scores matters."""

    rank: int
    constituency: ConstituencyAnswer
    member: MemberAnswer
    party: str
    score: float
    signatures: int
    letters_sent: int
    reasons: list[ReasonAnswer]


def target_answer(target: RankedTarget) -> TargetAnswer:
    """Converts a target. Rounds its score to three decimal places."""
    seat, member = target.constituency, target.member
    return TargetAnswer(
        rank=target.rank,
        constituency=ConstituencyAnswer.model_validate(seat),
        member=member_answer(member, seat),
        party=member.party,
        score=round(target.score, 3),
        signatures=target.signatures,
        letters_sent=target.letters_sent,
        reasons=[ReasonAnswer.model_validate(reason) for reason in target.reasons],
    )
