"""The letters to one seat, or to one member without a seat, about a campaign's motion.

`services/tallies/seat_table.py` counts the same letters.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from models import Letter, LetterAnswer, LetterOutcome, LetterState, Membership
from services.common import times

FEWEST = 5
"""The smallest group of writers that a page shows singly."""
A_WEEK = timedelta(days=7)


class Heard(StrEnum):
    """What the writers of letters heard from an MP's office."""

    ANSWERED = "answered"
    ACKNOWLEDGED = "acknowledged"
    NOT_ANSWERED = "not_answered"
    NO_WORD = "no_word"


_PAIRS = ((Heard.ANSWERED, Heard.ACKNOWLEDGED), (Heard.NOT_ANSWERED, Heard.NO_WORD))


@dataclass(frozen=True, slots=True)
class HeardRow:
    """A number of letters whose writers heard one thing, or one of two where few heard each."""

    kinds: tuple[Heard, ...]
    letters: int


@dataclass(frozen=True, slots=True)
class SentLetters:
    """Letters that went, the first first: when, to whom, and what the writer heard, if they said.

    In a seat they include those to the MP before.
    """

    sent: tuple[tuple[datetime, int, LetterOutcome | None], ...]

    @property
    def days(self) -> tuple[date, ...]:
        """Returns the day in London of each letter."""
        return tuple(times.today(at) for at, _, _ in self.sent)

    def to(self, member_id: int, *, since: datetime) -> int:
        """Counts the letters to one member after a moment."""
        return sum(to == member_id and at > since for at, to, _ in self.sent)

    def to_others(self, member_id: int) -> int:
        """Counts the letters that went to another member of this seat."""
        return sum(to != member_id for _, to, _ in self.sent)

    def by_week(self, last: date) -> list[tuple[date, int]]:
        """Returns the Monday and the letters of each week, from the first letter to `last`."""
        counts = Counter(_monday(day) for day in self.days)
        if not counts:
            return []
        first, end = min(counts), max(_monday(last), *counts)
        weeks = (end - first).days // A_WEEK.days + 1
        return [(week, counts[week]) for week in (first + A_WEEK * n for n in range(weeks))]

    def heard(self) -> tuple[HeardRow, ...]:
        """Returns what writers heard, so that no group of fewer than `FEWEST` can be worked out.

        Where few heard one of two things, both are one row. Empty where that is not enough.
        """
        counts = Counter(_heard(outcome) for _, _, outcome in self.sent)
        if not counts:
            return ()
        if any(_is_few(sum(counts[kind] for kind in pair)) for pair in _PAIRS):
            return ()
        return tuple(row for pair in _PAIRS for row in _rows(pair, counts))

    @property
    def replies(self) -> int | None:
        """Counts the letters whose writers reported a reply; None where few did, or few did not."""
        rows = [row for row in self.heard() if set(row.kinds) <= set(_PAIRS[0])]
        return sum(row.letters for row in rows) if rows or not self.sent else None


def to_seat(session: Session, campaign_id: UUID, motion_id: int | None, code: str) -> SentLetters:
    """Returns the letters to a seat about a motion, in one statement."""
    return _read(session, _TO_SEAT, campaign_id, motion_id, code=code)


def to_member(
    session: Session, campaign_id: UUID, motion_id: int | None, member_id: int
) -> SentLetters:
    """Returns the letters to a member about a motion, in one statement."""
    return _read(session, _TO_MEMBER, campaign_id, motion_id, member_id=member_id)


def _read(
    session: Session,
    statement: sa.Select[Any],
    campaign_id: UUID,
    motion_id: int | None,
    **values: object,
) -> SentLetters:
    if motion_id is None:
        return SentLetters(())
    of = {"campaign_id": campaign_id, "motion_id": motion_id}
    return SentLetters(tuple((*row,) for row in session.execute(statement, of | values)))


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _heard(outcome: LetterOutcome | None) -> Heard:
    return Heard(outcome.value) if outcome else Heard.NO_WORD


def _is_few(count: int) -> bool:
    return 0 < count < FEWEST


def _rows(pair: Sequence[Heard], counts: Counter[Heard]) -> Iterator[HeardRow]:
    if any(_is_few(counts[kind]) for kind in pair):
        yield HeardRow(tuple(pair), sum(counts[kind] for kind in pair))
    else:
        yield from (HeardRow((kind,), counts[kind]) for kind in pair)


# Built once. The members are named first, so that the index on letters finds those of a seat.
_columns: tuple[Any, ...] = (
    col(Letter.sent_at),
    col(Letter.member_id),
    col(LetterAnswer.outcome),
)
_letters: sa.Select[Any] = (
    sa.select(*_columns)
    .outerjoin(LetterAnswer, col(LetterAnswer.letter_id) == col(Letter.id))
    .where(
        col(Letter.campaign_id) == sa.bindparam("campaign_id", type_=sa.Uuid()),
        col(Letter.state) == LetterState.SENT,
        col(Letter.motion_id) == sa.bindparam("motion_id", type_=sa.Integer()),
    )
    .order_by(col(Letter.sent_at))
)
_CODE = sa.bindparam("code", type_=sa.String())
_TO_SEAT = _letters.where(
    col(Letter.member_id).in_(
        sa.select(col(Membership.member_id)).where(col(Membership.constituency_code) == _CODE)
    ),
    col(Letter.constituency_code) == _CODE,
)
_TO_MEMBER = _letters.where(col(Letter.member_id) == sa.bindparam("member_id", type_=sa.Integer()))
