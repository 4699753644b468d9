"""Where an MP stands towards a motion, in the words that the public reads.

Without a motion, it is what an MP can do for the campaign.
"""

from dataclasses import dataclass

from services.letters.drafting.situations import Situation
from services.parliament.standing import Eligibility, Standing


@dataclass(frozen=True, slots=True)
class Stand:
    """A tag of a few words, a sentence about the MP, and the tone: `good`, `warn` or empty."""

    tag: str
    sentence: str
    tone: str = ""


_TAGS = {
    Standing.SIGNED: ("Has signed", "good"),
    Standing.WITHDRAWN: ("Signed, then withdrew", "warn"),
    Standing.NOT_SIGNED: ("Hasn’t signed", ""),
}


def of_position(name: str, standing: Standing) -> Stand:
    """Returns the stand of an MP where nothing is known of offices and refusals."""
    tag, tone = _TAGS[standing]
    return Stand(tag, f"{name}: {tag}", tone)


def of_situation(name: str, situation: Situation) -> Stand:
    """Returns the stand of the MP to whom a letter would go."""
    if situation.motion is None:
        return without_motion(name, situation.eligibility)
    return of_member(name, situation.standing, situation.eligibility)


def without_motion(name: str, eligibility: Eligibility) -> Stand:
    """Returns what an MP can do for a campaign that has no motion."""
    return {
        Eligibility.CONVENTION: Stand(
            "In office",
            f"{name} holds a government or House office. You can ask them to raise it with the "
            "minister.",
        ),
        Eligibility.CANNOT: Stand(
            "Doesn’t take their seat",
            f"{name} doesn’t take their seat in the House of Commons, but you can ask them to "
            "write to the minister.",
        ),
    }.get(eligibility, Stand("Can help", f"You can ask {name} to write to the minister."))


def of_member(name: str, standing: Standing, eligibility: Eligibility) -> Stand:
    """Returns the stand of an MP. A signature counts before an office or a refusal."""
    if standing is Standing.SIGNED:
        return Stand("Has signed", f"{name} has signed the motion.", "good")
    if standing is Standing.WITHDRAWN:
        return Stand(
            "Signed, then withdrew",
            f"{name} signed the motion, and later removed their name from it.",
            "warn",
        )
    return {
        Eligibility.CONVENTION: Stand(
            "Doesn’t sign motions",
            f"{name} holds a government or House office, and people in such an office don’t sign "
            "motions. You can ask them to raise it with the minister.",
        ),
        Eligibility.CANNOT: Stand(
            "Can’t sign",
            f"{name} doesn’t take their seat in the House of Commons, so they can’t sign the "
            "motion. You can ask for their help in another way.",
        ),
        Eligibility.REFUSES: Stand(
            "Signs no motions",
            f"{name} has said that they sign no motions. You can ask for their help in another "
            "way.",
        ),
    }.get(eligibility, Stand("Hasn’t signed yet", f"{name} hasn’t signed the motion yet.", "warn"))
