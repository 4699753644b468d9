"""Scores how much each member is worth asking next. No queries.

A score is a product of factors, each of which is 1 for the average:

- the party: how often its members have signed, compared with all members;
- other motions that the member signed: how often those who signed them have signed this one,
  compared with what their parties suggest;
- signatures of the campaign's petitions from the seat, compared with the average seat;
- letters already sent to the member.

`docs/decisions/0005-targets.md` explains the weights, which were measured on a real motion. What a
member said is not a factor: one who will not sign is left out, and one who promised comes first.
"""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from math import prod, sqrt
from typing import NamedTuple

from services.parliament.standing import Standing, StatedIntent

# Members without a party have nothing in common. 'Unknown' is the party of a signatory for whom the
# Motions API gave none.
NO_PARTY = frozenset({"Independent", "Speaker", "Unknown"})


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each kind of evidence counts.

    `party` and `motion` are signatories added to both sides of a ratio, so that a few real ones
    change it little. `prior` is the ratio of another motion before names on this one change it, and
    `prior_earlier` that of an earlier motion of the campaign. `signatures` and `letters` are
    exponents: 0 leaves the factor out.
    """

    party: float = 1.0
    motion: float = 10.0
    prior: float = 2.0
    prior_earlier: float = 8.0
    signatures: float = 0.25
    letters: float = 0.25


class MemberFacts(NamedTuple):
    """What we know of one sitting member. `can_sign` is True for those who have signed, too."""

    member_id: int
    party: str
    standing: Standing
    can_sign: bool
    signatures: int = 0
    letters: int = 0
    said: StatedIntent | None = None

    @property
    def has_signed(self) -> bool:
        """Returns whether the member's name is on the motion now."""
        return self.standing is Standing.SIGNED

    @property
    def can_be_asked(self) -> bool:
        """Returns whether the member can sign, has not, and did not withdraw."""
        return self.can_sign and self.standing is Standing.NOT_SIGNED

    @property
    def is_target(self) -> bool:
        """Returns whether to ask the member. One who withdrew or refused is not asked."""
        return self.can_be_asked and self.said is not StatedIntent.WILL_NOT

    @property
    def is_promise(self) -> bool:
        """Returns whether the member said that they will sign."""
        return self.said is StatedIntent.WILL_SIGN


@dataclass(frozen=True, slots=True)
class OtherMotion:
    """Another motion and the ids of its signatories.

    `is_earlier` is True where it was the campaign's motion before.
    """

    number: str
    members: Set[int]
    is_earlier: bool = False


class Target(NamedTuple):
    """A member to ask, with the score and what it is based on.

    `colleagues` counts the others of the party who can sign, and `colleagues_signed` those of them
    who have. `likeness` is the factor of the other motions: above 1 is a reason to ask. `others`
    counts the other motions, and `others_signed` those that the member signed. `earlier` are the
    numbers of the campaign's earlier motions that the member signed.
    """

    facts: MemberFacts
    score: float
    colleagues: int
    colleagues_signed: int
    likeness: float
    others: int
    others_signed: int
    earlier: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _MotionStatistics:
    """The figures that are the same for every member.

    `shares` is the factor of each party, `ratios` that of each motion in `motions`. `sizes` counts
    the members of each party who can sign, and `signed` those of them who have. `average` is the
    mean number of signatures from a seat.
    """

    weights: Weights
    motions: Sequence[OtherMotion]
    shares: Mapping[str, float]
    ratios: Sequence[float]
    sizes: Mapping[str, int]
    signed: Mapping[str, int]
    average: float


def rank(
    members: Sequence[MemberFacts], motions: Sequence[OtherMotion], weights: Weights | None = None
) -> list[Target]:
    """Returns every target, best first; equals are in order of their id.

    `members` are all sitting members.

    Members who said that they will sign come before all others, because a reminder costs least.
    That is a rule, which was not measured, and it does not change the scores.
    """
    targets = [target for target in assess(members, motions, weights) if target.facts.is_target]
    return sorted(targets, key=_sort_key)


def assess(
    members: Sequence[MemberFacts],
    motions: Sequence[OtherMotion],
    weights: Weights | None = None,
    *,
    only: int | None = None,
) -> list[Target]:
    """Returns the scores of all who can be asked, also if they said no, in their order.

    With `only`, the id of a member, it returns at most theirs.
    """
    statistics = _statistics(members, motions, weights or Weights())
    return [
        _target(facts, statistics)
        for facts in members
        if facts.can_be_asked and only in (None, facts.member_id)
    ]


def _statistics(
    members: Sequence[MemberFacts], motions: Sequence[OtherMotion], weights: Weights
) -> _MotionStatistics:
    eligible = [facts for facts in members if facts.can_sign]
    sizes = Counter(facts.party for facts in eligible)
    signed = Counter(facts.party for facts in eligible if facts.has_signed)
    signed_share = signed.total() / max(1, len(eligible))
    shares = {
        party: 1.0
        if party in NO_PARTY
        else _ratio(signed[party], signed_share * size, weights.party)
        for party, size in sizes.items()
    }
    expected = {facts.member_id: signed_share * shares[facts.party] for facts in eligible}
    has_signed = {facts.member_id for facts in eligible if facts.has_signed}
    ratios = [_motion_ratio(motion, expected, has_signed, weights) for motion in motions]
    average = sum(facts.signatures for facts in members) / max(1, len(members))
    return _MotionStatistics(weights, motions, shares, ratios, sizes, signed, average)


def _motion_ratio(
    motion: OtherMotion, expected: Mapping[int, float], has_signed: Set[int], weights: Weights
) -> float:
    """Compares how many signatories of another motion signed this one with what their parties
    suggest."""
    eligible = sorted(motion.members & expected.keys())  # in order: sums of floats depend on it
    prior = weights.prior_earlier if motion.is_earlier else weights.prior
    total_expected = sum(expected[member_id] for member_id in eligible)
    return _ratio(len(has_signed & set(eligible)), total_expected, weights.motion, prior)


def _ratio(observed: float, expected: float, added: float, prior: float = 1.0) -> float:
    """Returns observed / expected, moved towards `prior` by adding `added` to both sides."""
    return (observed + added * prior) / (expected + added)


def _target(facts: MemberFacts, statistics: _MotionStatistics) -> Target:
    pairs = zip(statistics.motions, statistics.ratios, strict=True)
    signed = [(motion, ratio) for motion, ratio in pairs if facts.member_id in motion.members]
    likeness = _likeness([ratio for _, ratio in signed], len(statistics.motions))
    has_party = facts.party not in NO_PARTY
    return Target(
        facts=facts,
        score=statistics.shares[facts.party] * likeness * _campaign_factor(facts, statistics),
        colleagues=statistics.sizes[facts.party] - 1 if has_party else 0,
        colleagues_signed=statistics.signed.get(facts.party, 0) if has_party else 0,
        likeness=likeness,
        others=len(statistics.motions),
        others_signed=len(signed),
        earlier=tuple(motion.number for motion, _ in signed if motion.is_earlier),
    )


def _likeness(ratios: Sequence[float], others: int) -> float:
    """Combines the ratios of the motions that a member signed.

    The same people sign many motions, so the plain product would count the same evidence several
    times. The root of the number of motions lies between that and counting it once.
    """
    return float(prod(ratios) ** (1 / sqrt(others))) if ratios else 1.0


def _campaign_factor(facts: MemberFacts, statistics: _MotionStatistics) -> float:
    """Rises with signatures, and falls with letters: the next letter counts most where few went."""
    weights = statistics.weights
    signatures = ((1 + facts.signatures) / (1 + statistics.average)) ** weights.signatures
    return float(signatures / (1 + facts.letters) ** weights.letters)


def _sort_key(target: Target) -> tuple[bool, float, int]:
    return (not target.facts.is_promise, -target.score, target.facts.member_id)
