"""Members worth asking next."""

from api.schemas.fields import Answer
from api.schemas.postcode import ConstituencyAnswer, MemberAnswer
from services.targets.reasons import ReasonCode
from services.targets.targets import RankedTarget


class ReasonAnswer(Answer):
    """Why, in words and for programs."""

    code: ReasonCode
    text: str


class TargetAnswer(Answer):
    """A member to ask. A `score` of 1 is average; what matters is its order."""

    rank: int
    constituency: ConstituencyAnswer
    member: MemberAnswer
    party: str
    score: float
    signatures: int
    letters_sent: int
    reasons: list[ReasonAnswer]


def target_answer(target: RankedTarget) -> TargetAnswer:
    """One target, its score to three digits."""
    seat, member = target.constituency, target.member
    return TargetAnswer(
        rank=target.rank,
        constituency=ConstituencyAnswer.model_validate(seat),
        member=MemberAnswer(
            id=member.id, name=member.name, party=member.party, constituency=seat.name
        ),
        party=member.party,
        score=round(target.score, 3),
        signatures=target.signatures,
        letters_sent=target.letters_sent,
        reasons=[ReasonAnswer.model_validate(reason) for reason in target.reasons],
    )
