"""Words for what MPs have done about a motion, on tabs, tags and in the table of all MPs."""

from dataclasses import dataclass

from models import OfficeKind, OverrideKind, QuickAnswerKind, ReplyKind
from services.common import times
from services.parliament.standing import Eligibility
from services.tallies.seat_table import TallyRow
from services.views.desk.members.member_letters import Heard as LetterHeard
from services.views.desk.members.stances import Heard, MpRow, Stance
from web.base import words

STANCES = {
    Stance.SIGNED: "Signed",
    Stance.WILL_SIGN: "Said they’ll sign",
    Stance.WILL_NOT: "Said no",
    Stance.NOT_YET: "Not yet",
    Stance.CANNOT: "Don’t normally sign",
    Stance.WITHDRAWN: "Removed name",
    Stance.VACANT: "No MP",
}
ALWAYS_SHOWN = frozenset(STANCES) - {Stance.VACANT}
"""The tabs that are there with no MP in them too."""
OFFICES = words.OFFICES | {OfficeKind.WHIP: "Whip"}
LETTERS_HEARD = {
    LetterHeard.ANSWERED: "A reply",
    LetterHeard.ACKNOWLEDGED: "An automatic reply only",
    LetterHeard.NOT_ANSWERED: "Nothing yet",
    LetterHeard.NO_WORD: "They didn’t say",
}
STATEMENTS = {
    OverrideKind.SAYS_WILL_SIGN: "Said in public that they’ll sign",
    OverrideKind.SAYS_WILL_NOT: "Said in public that they won’t sign",
    OverrideKind.REFUSES: "Never signs motions",
    OverrideKind.PPS: "Is a minister’s aide (parliamentary private secretary)",
}
_TONES = {
    Stance.SIGNED: "good",
    Stance.WILL_SIGN: "warn",
    Stance.WITHDRAWN: "bad",
    Stance.CANNOT: "rests",
    Stance.VACANT: "rests",
}
_CANNOT = {
    Eligibility.CANNOT: "Doesn’t take seat",
    Eligibility.REFUSES: "Signs no motions",
}
ANSWERS = {
    QuickAnswerKind.WILL_SIGN: "Said yes",
    QuickAnswerKind.WILL_NOT: "Said no",
    QuickAnswerKind.NO_ANSWER: "No answer",
}


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag of a few words, and its class."""

    text: str
    tone: str


def tag(row: MpRow) -> Tag:
    """Says what an MP has done: `Signed 10 June`, `Minister`."""
    return Tag(_text(row), _TONES.get(row.stance, ""))


def heard(said: Heard) -> str:
    """Says what was heard of an MP last."""
    if isinstance(said.kind, QuickAnswerKind):
        return ANSWERS[said.kind]
    if isinstance(said.kind, ReplyKind):
        return words.REPLIES[said.kind]
    return words.ORGANISER_NOTES[said.kind]


def _text(row: MpRow) -> str:
    if row.stance is Stance.SIGNED and row.seat.signed_on:
        return f"Signed {times.short_day(row.seat.signed_on)}"
    return _office(row.seat) if row.stance is Stance.CANNOT else STANCES[row.stance]


def _office(row: TallyRow) -> str:
    held = [name for office, name in OFFICES.items() if office in row.offices]
    return _CANNOT.get(row.eligibility) or (held[0] if held else STANCES[Stance.CANNOT])
