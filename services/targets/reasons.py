"""Puts into words why a member is worth asking. No queries."""

from dataclasses import dataclass
from enum import StrEnum

from services.targets.scores import Target

FEW_LETTERS = 5


class ReasonCode(StrEnum):
    """The kind of a reason, for programs."""

    CAN_SIGN = "can_sign"
    SAID_WILL_SIGN = "said_will_sign"
    SIGNATURES = "signatures"
    FEW_LETTERS = "few_letters"
    COLLEAGUES = "colleagues"
    OTHER_MOTIONS = "other_motions"
    EARLIER_MOTION = "earlier_motion"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason. `text` is a sentence without its full stop."""

    code: ReasonCode
    text: str


def reasons_of(target: Target) -> tuple[Reason, ...]:
    """Returns the reasons for asking, and none against it, always in the same order."""
    texts = {
        ReasonCode.CAN_SIGN: "Can sign and has not yet",
        ReasonCode.SAID_WILL_SIGN: _promise(target),
        ReasonCode.SIGNATURES: _signatures(target.facts.signatures),
        ReasonCode.FEW_LETTERS: _letters(target.facts.letters),
        ReasonCode.COLLEAGUES: _colleagues(target),
        ReasonCode.OTHER_MOTIONS: _other_motions(target),
        ReasonCode.EARLIER_MOTION: _earlier_motion(target),
    }
    return tuple(Reason(code, text) for code, text in texts.items() if text)


def _promise(target: Target) -> str | None:
    return "Said that they will sign, and has not yet" if target.facts.is_promise else None


def _signatures(count: int) -> str | None:
    if count == 0:
        return None
    # Not 'constituents': one person can have signed several petitions.
    return f"{count:,} {'signature' if count == 1 else 'signatures'} from the constituency"


def _letters(count: int) -> str | None:
    if count > FEW_LETTERS:
        return None
    if count == 0:
        return "Nobody has written a letter yet"
    return f"Only {count} {'letter has' if count == 1 else 'letters have'} been sent so far"


def _colleagues(target: Target) -> str | None:
    # Counts only those who can sign: with ministers, the share would look too small.
    signed, party = target.colleagues_signed, target.facts.party
    if signed == 0:
        return None
    if target.colleagues == 1:
        return f"The only {party} colleague who can sign has signed"
    has = "has" if signed == 1 else "have"
    return f"{signed} of {target.colleagues} {party} colleagues who can sign {has} signed"


def _other_motions(target: Target) -> str | None:
    if target.likeness <= 1:  # members who signed the same motions have not signed this one
        return None
    if target.others == 1:
        return "Signed the one other motion that we know of"
    return f"Signed {target.others_signed} of the {target.others} other motions that we know of"


def _earlier_motion(target: Target) -> str | None:
    if not target.earlier:
        return None
    numbers = " and ".join(f"EDM {number}" for number in target.earlier)
    return f"Signed {numbers}, which this campaign was about before"
