"""What came back of letters: asking their writers, once, and keeping what they say.

What an MP said about the motion feeds the ledger of replies (`member_replies`), unverified.
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
from services.mail.outbox import Note
from services.webhooks import events

ASKED_AFTER = timedelta(days=14)
BATCH = 500
LONGEST_TEXT = 5_000
_letter = table_of(Letter)
_answer = table_of(LetterAnswer)
_member = table_of(Member)
_outbox = table_of(OutboxMessage)
_supporter = table_of(Supporter)
# In the words of its index: of a parameter, a planner may not see that it fits.
_TO_BE_ASKED = (_letter.c.state == sa.literal_column("'sent'"), _letter.c.asked_at.is_(None))


@dataclass(frozen=True, slots=True)
class NewAnswer:
    """What a writer says. `said` is what the MP said about the motion, `text` the answer itself or
    its writer's words for it; without `said_on` it was said today."""

    outcome: LetterOutcome
    said: ReplyKind | None = None
    text: str = ""
    said_on: date | None = None


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """What was said of a letter so far."""

    letter: Letter
    outcome: LetterOutcome | None
    reply: MemberReply | None

    @property
    def is_verified(self) -> bool:
        """An organiser has taken the reply over: its writer does not change it any more."""
        return self.reply is not None and self.reply.verified_by is not None


@dataclass(frozen=True, slots=True)
class AnswerSums:
    """Letters that were sent, and what their writers say came back."""

    sent: int
    asked: int
    answered: int
    acknowledged: int
    not_answered: int

    @property
    def no_word(self) -> int:
        """Letters of which their writers have said nothing."""
        return self.sent - self._told

    @property
    def rate(self) -> float | None:
        """The share that was answered of those of which we know, to four digits."""
        return round(self.answered / self._told, 4) if self._told else None

    @property
    def _told(self) -> int:
        return self.answered + self.acknowledged + self.not_answered


@dataclass(frozen=True, slots=True)
class MemberAnswers:
    """The sums of the letters to one member."""

    id: int
    name: str
    party: str
    sums: AnswerSums


def ask(session: Session, *, keyring: Keyring, now: datetime, limit: int = BATCH) -> int:
    """Queue the question to the writers of letters that went two weeks ago, oldest first; how many.

    At most `limit` letters a call. One is done with only where its mail was queued, or where its
    writer wants no questions: over the limit of mails a day to one address it waits.
    """
    due = _due(session, now, limit)
    notes = [
        Note(MessageKind.LETTER_QUESTION, letter_id, _recipient(keyring, email))
        for letter_id, email in due.items()
        if email is not None
    ]
    outbox.queue(session, notes, now=now)
    asked = _queued(session, due)
    unwanted = {letter_id for letter_id, email in due.items() if email is None}
    session.connection().execute(
        sa.update(_letter).where(_letter.c.id.in_(asked | unwanted)).values(asked_at=now)
    )
    return len(asked)


def give(session: Session, letter_id: UUID, answer: NewAnswer, *, now: datetime) -> RecordedAnswer:
    """Keep what a writer says, in place of what they said before.

    Conflict where the letter did not go; Invalid for what does not fit the outcome, or the day.
    """
    letter = letter_states.get(session, letter_id, for_update=True)
    _require_sent(letter)
    _check(letter, answer)
    row = {"letter_id": letter_id, "outcome": answer.outcome, "given_at": now}
    upsert(session, _answer, [row], key=["letter_id"])
    member_replies.note_from_letter(session, letter, values=_told(answer), now=now)
    events.letter_answered(
        session,
        events.letter_fact(letter),
        outcome=answer.outcome,
        said=answer.said,
        said_on=answer.said_on,
        now=now,
    )
    return kept(session, letter_id)


def kept(session: Session, letter_id: UUID) -> RecordedAnswer:
    """What was said so far of a letter that went. Conflict for any other."""
    letter = letter_states.get(session, letter_id)
    _require_sent(letter)
    found = session.get(LetterAnswer, letter_id, populate_existing=True)
    outcome = found.outcome if found else None
    return RecordedAnswer(letter, outcome, member_replies.of_letter(session, letter_id))


def of_campaign(session: Session, campaign: Campaign) -> list[MemberAnswers]:
    """By member to whom letters went, the most letters first; in one statement. Never who wrote."""
    asked = sa.and_(
        _outbox.c.subject_id == _letter.c.id,
        _outbox.c.kind == MessageKind.LETTER_QUESTION,
        _outbox.c.state.not_in((MessageState.DROPPED, MessageState.REJECTED)),
    )
    statement = (
        sa.select(_member.c.id, _member.c.name, _member.c.party, *_sums())
        .select_from(_letter)
        .join(_member, _member.c.id == _letter.c.member_id)
        .outerjoin(_answer, _answer.c.letter_id == _letter.c.id)
        .outerjoin(_outbox, asked)
        .where(_letter.c.campaign_id == campaign.id, _letter.c.state == LetterState.SENT)
        .group_by(_member.c.id, _member.c.name, _member.c.party)
    )
    found = [
        MemberAnswers(member_id, name, party, AnswerSums(*sums))
        for member_id, name, party, *sums in session.connection().execute(statement)
    ]
    return sorted(found, key=lambda each: (-each.sums.sent, each.name, each.id))


def total(rows: Iterable[MemberAnswers]) -> AnswerSums:
    """Of all members together."""
    sums = [row.sums for row in rows]
    names = ("sent", "asked", "answered", "acknowledged", "not_answered")
    return AnswerSums(**{name: sum(getattr(each, name) for each in sums) for name in names})


def _sums() -> list[sa.ColumnElement[int]]:
    """In the order of `AnswerSums`. A letter has at most one answer and one question."""
    outcomes = (LetterOutcome.ANSWERED, LetterOutcome.ACKNOWLEDGED, LetterOutcome.NOT_ANSWERED)
    told = (sa.func.count(sa.case((_answer.c.outcome == each, 1))) for each in outcomes)
    return [sa.func.count(), sa.func.count(_outbox.c.id), *told]


def _due(session: Session, now: datetime, limit: int) -> dict[UUID, str | None]:
    """Letters to be asked about, with their writers' addresses; None for one who wants no
    questions. Another worker leaves out what this one holds."""
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
    """Those of the letters that have a question: the outbox leaves out in silence what is too
    much."""
    statement = sa.select(_outbox.c.subject_id).where(
        _outbox.c.subject_id.in_(letter_ids), _outbox.c.kind == MessageKind.LETTER_QUESTION
    )
    return set(session.connection().execute(statement).scalars())


def _recipient(keyring: Keyring, email: str) -> bytes:
    return keyring.everywhere_index(texts.canonical_email(email))


def _require_sent(letter: Letter) -> None:
    if letter.state is not LetterState.SENT:
        message = "This letter did not reach your MP's office, so no answer can come."
        raise Conflict("letter_not_sent", message)


def _check(letter: Letter, answer: NewAnswer) -> None:
    if answer.outcome is LetterOutcome.NOT_ANSWERED:
        given = {"said": answer.said, "text": answer.text, "said_on": answer.said_on}
        problems = [
            Invalid.field(name, "no_answer_yet", "Leave this out where no answer has come.")
            for name, value in given.items()
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


def _told(answer: NewAnswer) -> dict[str, Any] | None:
    """For the ledger of replies; None where nothing was said of the answer itself."""
    if not (answer.said or answer.text):
        return None
    return {
        "kind": answer.said or ReplyKind.OTHER,
        "text": answer.text or None,
        "said_on": answer.said_on,
    }
