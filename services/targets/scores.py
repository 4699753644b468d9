"""How much each member is worth asking next: pure arithmetic on what is known today.

A score is a product of factors, each 1 for what is average:

- the party: how often its members have signed, against the whole House;
- other motions that the member signed: how often those who signed them have signed this one,
  against what their parties would suggest;
- signatures of the petitions from the seat, against the average seat;
- letters sent to the member already.

`docs/decisions/0005-targets.md` says what each is worth, measured on a real motion. What members
said is no factor: who will not sign is left out, and who promised to comes first.
"""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from math import prod, sqrt

from services.parliament.standing import Standing, StatedIntent

# Those without a party have nothing in common; 'Unknown' stands for a name met under a motion.
NO_PARTY = frozenset({"Independent", "Speaker", "Unknown"})


@dataclass(frozen=True, slots=True)
class Weights:
    """How far to trust each kind of evidence.

    The first two are signatories added on both sides of a ratio, so that a few of them cannot
    say much; the priors are what a ratio begins with, while this motion has told nothing yet.
    The last two are exponents: 0 leaves a factor out.
    """

    party: float = 1.0
    motion: float = 10.0
    prior: float = 2.0
    prior_earlier: float = 8.0
    signatures: float = 0.25
    letters: float = 0.25


@dataclass(frozen=True, slots=True)
class MemberFacts:
    """What we know of one member who sits. `can_sign` is true of those who did, too."""

    member_id: int
    party: str
    standing: Standing
    can_sign: bool
    signatures: int = 0
    letters: int = 0
    said: StatedIntent | None = None

    @property
    def has_signed(self) -> bool:
        """True where the member's name stands."""
        return self.standing is Standing.SIGNED

    @property
    def is_target(self) -> bool:
        """True where the member can be asked: whoever took a name off, or said that they will not
        sign, is left in peace."""
        can_be_asked = self.can_sign and self.standing is Standing.NOT_SIGNED
        return can_be_asked and self.said is not StatedIntent.WILL_NOT

    @property
    def is_promise(self) -> bool:
        """True where the member said that they will sign."""
        return self.said is StatedIntent.WILL_SIGN


@dataclass(frozen=True, slots=True)
class OtherMotion:
    """Whose names stand under another motion; `is_earlier`: this campaign was about it before."""

    number: str
    members: Set[int]
    is_earlier: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """A member to ask, and what speaks for it.

    `colleagues` are the others of the party who can sign, `colleagues_signed` those of them who
    did. `likeness` is the factor of the other motions: above 1, they speak for asking.
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
    """What is the same for every member: computed once."""

    weights: Weights
    motions: Sequence[OtherMotion]
    shares: Mapping[str, float]
    ratios: Sequence[float]
    sizes: Mapping[str, int]
    signed: Mapping[str, int]
    average: float


def rank(
    house: Sequence[MemberFacts], motions: Sequence[OtherMotion], weights: Weights | None = None
) -> list[Target]:
    """Everybody who can be asked, best first; members alike in everything in order of their id.

    Whoever said that they will sign comes before all others, whatever the score: a reminder is the
    cheapest name. That is a rule, and was not measured; the scores themselves know nothing of it.
    """
    known = _statistics(house, motions, weights or Weights())
    targets = [_target(facts, known) for facts in house if facts.is_target]
    return sorted(targets, key=_sort_key)


def _sort_key(target: Target) -> tuple[bool, float, int]:
    return (not target.facts.is_promise, -target.score, target.facts.member_id)


def _statistics(
    house: Sequence[MemberFacts], motions: Sequence[OtherMotion], weights: Weights
) -> _MotionStatistics:
    able = [facts for facts in house if facts.can_sign]
    sizes = Counter(facts.party for facts in able)
    signed = Counter(facts.party for facts in able if facts.has_signed)
    base = signed.total() / max(1, len(able))
    shares = {
        party: 1.0 if party in NO_PARTY else _ratio(signed[party], base * size, weights.party)
        for party, size in sizes.items()
    }
    expected = {facts.member_id: base * shares[facts.party] for facts in able}
    has_signed = {facts.member_id for facts in able if facts.has_signed}
    ratios = [_motion_ratio(motion, expected, has_signed, weights) for motion in motions]
    average = sum(facts.signatures for facts in house) / max(1, len(house))
    return _MotionStatistics(weights, motions, shares, ratios, sizes, signed, average)


def _motion_ratio(
    motion: OtherMotion, expected: Mapping[int, float], has_signed: Set[int], weights: Weights
) -> float:
    """How often those who signed another motion have signed this one, against their parties."""
    both = sorted(motion.members & expected.keys())  # in order: sums of floats depend on it
    prior = weights.prior_earlier if motion.is_earlier else weights.prior
    likely = sum(expected[member_id] for member_id in both)
    return _ratio(len(has_signed & set(both)), likely, weights.motion, prior)


def _ratio(observed: float, expected: float, added: float, prior: float = 1.0) -> float:
    """Observed against expected, drawn towards `prior` by `added` on both sides."""
    return (observed + added * prior) / (expected + added)


def _target(facts: MemberFacts, known: _MotionStatistics) -> Target:
    pairs = zip(known.motions, known.ratios, strict=True)
    theirs = [(motion, ratio) for motion, ratio in pairs if facts.member_id in motion.members]
    likeness = _likeness([ratio for _, ratio in theirs], len(known.motions))
    has_party = facts.party not in NO_PARTY
    return Target(
        facts=facts,
        score=known.shares[facts.party] * likeness * _campaign_factor(facts, known),
        colleagues=known.sizes[facts.party] - 1 if has_party else 0,
        colleagues_signed=known.signed.get(facts.party, 0) if has_party else 0,
        likeness=likeness,
        others=len(known.motions),
        others_signed=len(theirs),
        earlier=tuple(motion.number for motion, _ in theirs if motion.is_earlier),
    )


def _likeness(ratios: Sequence[float], others: int) -> float:
    """The same people sign many motions, so several say less than their product would.

    The root of their number lies between taking each as news and taking all as one.
    """
    return float(prod(ratios) ** (1 / sqrt(others))) if ratios else 1.0


def _campaign_factor(facts: MemberFacts, known: _MotionStatistics) -> float:
    """Many signatures raise, many letters lower: the next letter says most where few went."""
    asked = ((1 + facts.signatures) / (1 + known.average)) ** known.weights.signatures
    return float(asked / (1 + facts.letters) ** known.weights.letters)
