"""What an MP has done about a motion, in one word: every seat has exactly one.

No queries. Viewers know what the public knows; editors and owners also what offices told the team.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from models import OverrideKind, QuickAnswerKind, ReplyKind
from services.campaigns.team_records import Answer
from services.common import times
from services.parliament.standing import Eligibility, Standing, StatedIntent
from services.tallies.seat_table import TallyRow
from services.targets import ask_lists


class Stance(StrEnum):
    """What a seat's MP has done, in the order of the tabs.

    `cannot`: ministers, Speakers and others who do not normally sign motions, whatever they said.
    `will_sign` and `will_not` are of those who can sign, have not and said what they will do.
    """

    SIGNED = "signed"
    WILL_SIGN = "will_sign"
    WILL_NOT = "will_not"
    NOT_YET = "not_yet"
    CANNOT = "cannot"
    WITHDRAWN = "withdrawn"
    VACANT = "vacant"


_STATED = {StatedIntent.WILL_SIGN: Stance.WILL_SIGN, StatedIntent.WILL_NOT: Stance.WILL_NOT}
_TOLD = {
    QuickAnswerKind.WILL_SIGN: Stance.WILL_SIGN,
    QuickAnswerKind.WILL_NOT: Stance.WILL_NOT,
}


@dataclass(frozen=True, slots=True)
class Heard:
    """The newest that an MP or their office said. `is_private`: to the team alone."""

    kind: ReplyKind | OverrideKind | QuickAnswerKind
    day: date
    is_private: bool = False


class MpRow(NamedTuple):
    """A seat of the tally, with what its MP has done, and what was heard of them last.

    With `is_told` the team alone knows the stance: the public was told nothing or the contrary.
    """

    seat: TallyRow
    stance: Stance
    heard: Heard | None
    is_told: bool = False


def of_seat(row: TallyRow, newest: Answer | None = None) -> MpRow:
    """Returns what a seat's MP has done. `newest` is the newest of the team's answers, if any."""
    public = public_stance(row)
    if public not in (Stance.WILL_SIGN, Stance.WILL_NOT, Stance.NOT_YET):
        return MpRow(row, public, _heard(row, newest))
    said = ask_lists.last_said(row, newest) if newest else None
    stance = _TOLD.get(said.kind, public) if said else public
    return MpRow(row, stance, _heard(row, newest), is_told=stance is not public)


def public_stance(row: TallyRow) -> Stance:
    """Returns what the public knows: it follows from the figures of the API alone."""
    if row.member is None:
        return Stance.VACANT
    if row.standing is Standing.SIGNED:
        return Stance.SIGNED
    if row.standing is Standing.WITHDRAWN:
        return Stance.WITHDRAWN
    if row.eligibility is not Eligibility.CAN_SIGN:
        return Stance.CANNOT
    return _STATED[row.said] if row.said else Stance.NOT_YET


def _heard(row: TallyRow, newest: Answer | None) -> Heard | None:
    """Returns the newest; of one day the team's answer, and then the organisers' statement."""
    if newest is None and row.note is None and row.reply is None:  # nearly always
        return None
    found = []
    if newest:
        found.append(Heard(newest.kind, times.today(newest.recorded_at), is_private=True))
    if row.note:
        found.append(Heard(row.note.kind, row.note.starts_on))
    if row.reply:
        found.append(Heard(row.reply.kind, row.reply.said_on))
    return max(found, key=lambda heard: heard.day, default=None)
