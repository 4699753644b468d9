"""Which list of the desk a member is on, by what they said to the public or to the team alone.

No queries. The rules are those of `docs/guide/whom-to-ask.md`. Only the desk may use what the team
alone was told: the API's targets never do.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from models import QuickAnswerKind
from services.campaigns import member_replies
from services.campaigns.team_records import Answer
from services.common import times
from services.parliament.standing import StatedIntent
from services.tallies.seat_table import TallyRow

PROMISE_RESTS = timedelta(days=7)
"""How long nobody need ask an MP who promised. After that they are the first to ask."""


class AskList(StrEnum):
    """The lists, in the order of their tabs."""

    TO_ASK = "to_ask"
    RING_BACK = "ring_back"
    SAID_YES = "said_yes"
    SAID_NO = "said_no"
    NO_ANSWER = "no_answer"


@dataclass(frozen=True, slots=True)
class Said:
    """What a member said last, and the day. `is_private`: to the team alone, on the telephone.

    `tried_on` is when the team last rang a member in vain who had said something in public.
    """

    kind: QuickAnswerKind
    day: date
    is_private: bool
    tried_on: date | None = None

    def is_old_promise(self, today: date) -> bool:
        """Returns whether they promised more than a week ago."""
        return self.kind is QuickAnswerKind.WILL_SIGN and today - self.day > PROMISE_RESTS


_KINDS = {
    StatedIntent.WILL_SIGN: QuickAnswerKind.WILL_SIGN,
    StatedIntent.WILL_NOT: QuickAnswerKind.WILL_NOT,
}
_TO_ASK = frozenset({AskList.TO_ASK})
_LISTS = {
    QuickAnswerKind.WILL_SIGN: frozenset({AskList.SAID_YES}),
    QuickAnswerKind.WILL_NOT: frozenset({AskList.SAID_NO}),
    QuickAnswerKind.NO_ANSWER: frozenset({AskList.NO_ANSWER}),
}


def last_said(row: TallyRow, newest: Answer | None) -> Said | None:
    """Returns the later of a public statement and the newest of the team's answers, if any.

    Of one day, the team's answer counts. 'No answer' says nothing, so a statement outlives it.
    """
    public = _public(row) if row.said else None
    if newest is None:
        return public
    day = times.today(newest.recorded_at)
    private = Said(newest.kind, day, is_private=True)
    if public and private.kind is QuickAnswerKind.NO_ANSWER:
        return replace(public, tried_on=day)
    return public if public and public.day > day else private


def lists_of(said: Said | None, *, today: date) -> frozenset[AskList]:
    """Returns the lists of a member who can be asked, 'Ring back today' aside.

    A promise rests for a week, and 'No answer' until the next day; 'Said no' is not asked again.
    """
    if said is None:
        return _TO_ASK
    is_asked = said.kind is QuickAnswerKind.NO_ANSWER or said.is_old_promise(today)
    rests = today in (said.tried_on, said.day)
    return _LISTS[said.kind] | _TO_ASK if is_asked and not rests else _LISTS[said.kind]


def _public(row: TallyRow) -> Said | None:
    last = member_replies.last_statement(row.reply, [row.note] if row.note else [])
    return Said(_KINDS[last[1]], last[0], is_private=False) if last else None
