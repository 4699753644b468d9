"""Bodies of writers' reports on MPs' replies, and their counts by member."""

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
    """A writer's report. Only with the outcome of a reply may it have more than the outcome.

    `text` is the reply or the writer's summary of it. Without `said_on`, the reply came today.
    """

    token: Token
    outcome: LetterOutcome
    said: ReplyKind | None = None
    text: Annotated[str, paragraphs(answers.LONGEST_TEXT)] = ""
    said_on: Day | None = None

    def as_answer(self) -> NewAnswer:
        return NewAnswer(self.outcome, self.said, self.text, self.said_on)


class LetterAnswered(Answer):
    """The report that was stored, and the member whom the letter was to."""

    status: LetterOutcome
    member: MemberAnswer | None


class AnswerCounts(Answer):
    """Counts of letters sent, writers asked, and their reports.

    `rate` is the share of reported letters that were answered, from 0 to 1. It is null without
    reports.
    """

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
    """All members who got letters of a campaign, the most letters first."""

    totals: AnswerCounts
    rows: list[MemberAnswerCounts]


def answers_answer(rows: list[MemberAnswers]) -> AnswersAnswer:
    """Converts the rows, and adds their totals."""
    return AnswersAnswer(
        totals=AnswerCounts(**_counts(answers.total(rows))),
        rows=[
            MemberAnswerCounts(member=ReplyMember.model_validate(row), **_counts(row.sums))
            for row in rows
        ],
    )


def answers_csv(rows: list[MemberAnswers]) -> str:
    """Returns a CSV with a line for each member."""
    return csv_text(
        CSV_COLUMNS,
        ([row.id, row.name, row.party, *_counts(row.sums).values()] for row in rows),
    )


def _counts(sums: AnswerSums) -> dict[str, Any]:
    return {name: getattr(sums, name) for name in COUNTS}
