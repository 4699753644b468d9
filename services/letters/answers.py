"""Answers of MPs to letters: asks the writers once, and stores what they say.

What an MP said about the motion becomes an unverified reply (`member_replies`).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import (
    Campaign,
    Keyring,
    Letter,
    LetterAnswer,
    LetterOutcome,
    LetterState,
    Member,
    MemberReply,
    MessageKind,
    MessageState,
    OutboxMessage,
    ReplyKind,
    Supporter,
)
from models.base import table_of
from services.campaigns import member_replies
from services.common import texts
from services.database.engine import upsert
from services.errors import Conflict, Invalid
from services.letters import letter_states
from services.mail import outbox
from services.mail.outbox import NewMessage
from services.mail.recipients import recipient_of
from services.traffic.minute_cache import Counted, MinuteCache
from services.webhooks import events

ASKED_AFTER = timedelta(days=14)
BATCH = 500
LONGEST_TEXT = 5_000
_letter = table_of(Letter)
_answer = table_of(LetterAnswer)
_member = table_of(Member)
_outbox = table_of(OutboxMessage)
_supporter = table_of(Supporter)
# Written as in the partial index: with a parameter, a query planner may not use the index.
_TO_BE_ASKED = (_letter.c.state == sa.literal_column("'sent'"), _letter.c.asked_at.is_(None))


@dataclass(frozen=True, slots=True)
class NewAnswer:
    """What a writer says about the MP's answer.

    `said` is what the MP said about the motion, `text` the answer itself or a summary, and
    `said_on` its day; None means today.
    """

    outcome: LetterOutcome
    said: ReplyKind | None = None
    text: str = ""
    said_on: date | None = None


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """What a writer has said about a letter so far."""

    letter: Letter
    outcome: LetterOutcome | None
    reply: MemberReply | None

    @property
    def is_verified(self) -> bool:
        """True once an organiser verified the reply: the writer can no longer change it."""
        return self.reply is not None and self.reply.verified_by is not None


@dataclass(frozen=True, slots=True)
class AnswerSums:
    """Counts of letters that were sent, and of what their writers say about answers."""

    sent: int
    asked: int
    answered: int
    acknowledged: int
    not_answered: int

    @property
    def no_word(self) -> int:
        """Counts the letters whose writers have said nothing."""
        return self.sent - self._with_word

    @property
    def rate(self) -> float | None:
        """Returns the share of answered letters among those we know about, to four digits."""
        return round(self.answered / self._with_word, 4) if self._with_word else None

    @property
    def _with_word(self) -> int:
        return self.answered + self.acknowledged + self.not_answered


@dataclass(frozen=True, slots=True)
class MemberAnswers:
    """The counts of letters to one member."""

    id: int
    name: str
    party: str
    sums: AnswerSums


def queue_questions(
    session: Session, *, keyring: Keyring, now: datetime, limit: int = BATCH
) -> int:
    """Queues the question to the writers of letters sent two weeks ago, the oldest first.

    Handles at most `limit` letters and returns how many questions it queued. A letter is marked as
    asked if its email was queued or its writer wants no questions. Otherwise its address has
    reached the daily limit of emails, and the letter waits.
    """
    due = _due(session, now, limit)
    questions = [
        NewMessage(MessageKind.LETTER_QUESTION, letter_id, recipient_of(email, keyring))
        for letter_id, email in due.items()
        if email is not None
    ]
    outbox.queue(session, questions, now=now)
    asked_ids = _queued(session, due)
    unwanted = {letter_id for letter_id, email in due.items() if email is None}
    session.connection().execute(
        sa.update(_letter).where(_letter.c.id.in_(asked_ids | unwanted)).values(asked_at=now)
    )
    return len(asked_ids)


def record(
    session: Session, letter_id: UUID, answer: NewAnswer, *, now: datetime
) -> RecordedAnswer:
    """Stores what a writer says, in place of what they said before.

    Conflict if the letter was not sent. Invalid if fields do not fit the outcome or the day.
    """
    letter = letter_states.get(session, letter_id, for_update=True)
    _require_sent(letter)
    _check(letter, answer)
    row = {"letter_id": letter_id, "outcome": answer.outcome, "given_at": now}
    upsert(session, _answer, [row], key=["letter_id"])
    member_replies.note_from_letter(session, letter, values=_reply_of(answer), now=now)
    events.letter_answered(
        session,
        events.letter_fact(letter),
        outcome=answer.outcome,
        said=answer.said,
        said_on=answer.said_on,
        now=now,
    )
    return recorded(session, letter_id)


def recorded(session: Session, letter_id: UUID) -> RecordedAnswer:
    """Returns what was said about a letter so far. Conflict if it was not sent."""
    letter = letter_states.get(session, letter_id)
    _require_sent(letter)
    answer = session.get(LetterAnswer, letter_id, populate_existing=True)
    outcome = answer.outcome if answer else None
    return RecordedAnswer(letter, outcome, member_replies.of_letter(session, letter_id))


def of_campaign(session: Session, campaign: Campaign) -> list[MemberAnswers]:
    """Counts the letters and answers by member, the most letters first, in one statement.

    It contains nothing about the writers.
    """
    is_question = sa.and_(
        _outbox.c.subject_id == _letter.c.id,
        _outbox.c.kind == MessageKind.LETTER_QUESTION,
        _outbox.c.state.not_in((MessageState.DROPPED, MessageState.REJECTED)),
    )
    statement = (
        sa.select(_member.c.id, _member.c.name, _member.c.party, *_sums())
        .select_from(_letter)
        .join(_member, _member.c.id == _letter.c.member_id)
        .outerjoin(_answer, _answer.c.letter_id == _letter.c.id)
        .outerjoin(_outbox, is_question)
        .where(_letter.c.campaign_id == campaign.id, _letter.c.state == LetterState.SENT)
        .group_by(_member.c.id, _member.c.name, _member.c.party)
    )
    rows = [
        MemberAnswers(member_id, name, party, AnswerSums(*sums))
        for member_id, name, party, *sums in session.connection().execute(statement)
    ]
    return sorted(rows, key=lambda row: (-row.sums.sent, row.name, row.id))


def recent(
    session: Session, campaign: Campaign, *, counts: MinuteCache
) -> Counted[list[MemberAnswers]]:
    """Returns the same as `of_campaign`, as counted within the last minute.

    It reads every letter: with 20,000 that takes longer than a page may.
    """
    return counts.get(("answers", campaign.id), lambda: of_campaign(session, campaign))


def total(rows: Iterable[MemberAnswers]) -> AnswerSums:
    """Adds the counts of all members."""
    sums = [row.sums for row in rows]
    names = ("sent", "asked", "answered", "acknowledged", "not_answered")
    return AnswerSums(**{name: sum(getattr(sum_, name) for sum_ in sums) for name in names})


def _sums() -> list[sa.ColumnElement[int]]:
    """Returns the columns of `AnswerSums`. A letter has at most one answer and one question."""
    outcomes = (LetterOutcome.ANSWERED, LetterOutcome.ACKNOWLEDGED, LetterOutcome.NOT_ANSWERED)
    answer_counts = (
        sa.func.count(sa.case((_answer.c.outcome == outcome, 1))) for outcome in outcomes
    )
    return [sa.func.count(), sa.func.count(_outbox.c.id), *answer_counts]


def _due(session: Session, now: datetime, limit: int) -> dict[UUID, str | None]:
    """Returns the due letters with their writers' addresses, None for those who want no questions.

    It locks them; a concurrent worker skips locked letters.
    """
    wants = sa.and_(_supporter.c.questions_off_at.is_(None), _supporter.c.mail_off_at.is_(None))
    statement = (
        sa.select(_letter.c.id, _supporter.c.email, wants)
        .join(_supporter, _supporter.c.id == _letter.c.supporter_id)
        .where(*_TO_BE_ASKED, _letter.c.sent_at <= now - ASKED_AFTER)
        .order_by(_letter.c.sent_at)
        .limit(limit)
        .with_for_update(of=_letter, skip_locked=True)
    )
    rows = session.connection().execute(statement)
    return {letter_id: email.text if is_wanted else None for letter_id, email, is_wanted in rows}


def _queued(session: Session, letter_ids: Collection[UUID]) -> set[UUID]:
    """Returns which letters have a question: the outbox skips addresses at their daily limit."""
    statement = sa.select(_outbox.c.subject_id).where(
        _outbox.c.subject_id.in_(letter_ids), _outbox.c.kind == MessageKind.LETTER_QUESTION
    )
    return set(session.connection().execute(statement).scalars())


def _require_sent(letter: Letter) -> None:
    if letter.state is not LetterState.SENT:
        message = "This letter did not reach your MP's office, so no answer can come."
        raise Conflict("letter_not_sent", message)


def _check(letter: Letter, answer: NewAnswer) -> None:
    if answer.outcome is LetterOutcome.NOT_ANSWERED:
        answer_fields = {"said": answer.said, "text": answer.text, "said_on": answer.said_on}
        problems = [
            Invalid.field(name, "no_answer_yet", "Leave this out if there’s no reply yet.")
            for name, value in answer_fields.items()
            if value
        ]
        if problems:
            raise texts.combined(problems)
    elif answer.said_on and not (answer.said or answer.text):
        message = "Say also what was said, or leave the day out."
        raise Invalid.field("said_on", "nothing_said", message)
    if answer.said_on and letter.sent_at and answer.said_on < letter.sent_at.date():
        message = "Your letter went later than this day."
        raise Invalid.field("said_on", "before_the_letter", message)


def _reply_of(answer: NewAnswer) -> dict[str, Any] | None:
    """Returns the values of the member's reply; None if nothing was said about its content."""
    if not (answer.said or answer.text):
        return None
    return {
        "kind": answer.said or ReplyKind.OTHER,
        "text": answer.text or None,
        "said_on": answer.said_on,
    }
