"""What came back of letters: as their writers tell it, and by member."""

from typing import Annotated, Any

from api.schemas.days import Day
from api.schemas.fields import Answer, Request, Token, paragraphs
from api.schemas.postcode import MemberAnswer
from api.schemas.reply import ReplyMember
from models import LetterOutcome, ReplyKind
from services.files.csv_writing import csv_text
from services.letters import answers
from services.letters.answers import AnswerSums, MemberAnswers, NewAnswer

COUNTS = ("sent", "asked", "answered", "acknowledged", "not_answered", "no_word", "rate")
CSV_COLUMNS = ("member_id", "member", "party", *COUNTS)


class LetterAnswerBody(Request):
    """What a writer says. Everything but the outcome only where something came back.

    `text` is the answer itself or its writer's words for it; without `said_on` it came today.
    """

    token: Token
    outcome: LetterOutcome
    said: ReplyKind | None = None
    text: Annotated[str, paragraphs(answers.LONGEST_TEXT)] = ""
    said_on: Day | None = None

    def as_answer(self) -> NewAnswer:
        """As the services take it."""
        return NewAnswer(self.outcome, self.said, self.text, self.said_on)


class LetterAnswered(Answer):
    """What was kept, and of whose office."""

    status: LetterOutcome
    member: MemberAnswer | None


class AnswerCounts(Answer):
    """Letters that went, and what their writers say. `rate` is the share, from 0 to 1, that was
    answered of those of which we know; null where we know of none."""

    sent: int
    asked: int
    answered: int
    acknowledged: int
    not_answered: int
    no_word: int
    rate: float | None


class MemberAnswerCounts(AnswerCounts):
    """The counts of the letters to one member."""

    member: ReplyMember


class AnswersAnswer(Answer):
    """All members to whom letters of a campaign went, the most letters first."""

    totals: AnswerCounts
    rows: list[MemberAnswerCounts]


def answers_answer(rows: list[MemberAnswers]) -> AnswersAnswer:
    """From the sums of the services."""
    return AnswersAnswer(
        totals=AnswerCounts(**_counts(answers.total(rows))),
        rows=[
            MemberAnswerCounts(member=ReplyMember.model_validate(row), **_counts(row.sums))
            for row in rows
        ],
    )


def answers_csv(rows: list[MemberAnswers]) -> str:
    """A line a member."""
    return csv_text(
        CSV_COLUMNS,
        ([row.id, row.name, row.party, *_counts(row.sums).values()] for row in rows),
    )


def _counts(sums: AnswerSums) -> dict[str, Any]:
    return {name: getattr(sums, name) for name in COUNTS}
