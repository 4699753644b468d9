"""Reads what a campaign's team keeps to itself about members: quick answers and notes.

Only pages of the organisation's editors and owners may show it.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from models import MemberNote, QuickAnswer, QuickAnswerKind
from services.campaigns import member_notes


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer without the name of whoever recorded it."""

    id: UUID
    kind: QuickAnswerKind
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class TeamKnowledge:
    """What a team knows, by member: the last two answers, newest first, and whom to ring back.

    `ring_backs` has the earliest day, today or before, on which nobody has rung back yet.
    """

    answers: dict[int, list[Answer]] = field(default_factory=dict)
    ring_backs: dict[int, date] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TeamEntry:
    """An answer, if it has a `kind`, or else a note. `author` is an email address."""

    id: UUID
    at: datetime
    author: str
    kind: QuickAnswerKind | None
    text: str
    ring_back_on: date | None
    rung_back_at: datetime | None

    @property
    def is_to_ring(self) -> bool:
        """Returns whether nobody has rung back yet, on its day or before it."""
        return self.ring_back_on is not None and self.rung_back_at is None


def knowledge(session: Session, campaign_id: UUID, *, today: date) -> TeamKnowledge:
    """Returns what a campaign's team knows of all members, in one statement."""
    answers: defaultdict[int, list[Answer]] = defaultdict(list)
    ring_backs: dict[int, date] = {}
    values = {"campaign_id": campaign_id, "today": today}
    for member_id, answer_id, kind, recorded_at, ring_back_on in session.execute(_KNOWN, values):
        if answer_id is None:
            ring_backs[member_id] = ring_back_on
        else:
            answers[member_id].append(Answer(answer_id, kind, recorded_at))
    for found in answers.values():
        found.sort(key=lambda answer: (answer.recorded_at, answer.id), reverse=True)
    return TeamKnowledge(answers, ring_backs)


def entries(
    session: Session, campaign_id: UUID, ids: Collection[int]
) -> dict[int, list[TeamEntry]]:
    """Returns every answer and note about some members in one statement, the newest first."""
    found: dict[int, list[TeamEntry]] = {member_id: [] for member_id in ids}
    values = {"campaign_id": campaign_id, "ids": list(ids)}
    for member_id, *row in session.execute(_ENTRIES, values):
        found[member_id].append(_entry(*row))
    for rows in found.values():
        rows.sort(key=lambda entry: (entry.at, entry.id), reverse=True)
    return found


def _entry(
    entry_id: UUID, at: datetime, author: Any, kind: Any, note_author: Any, text: Any, *days: Any
) -> TeamEntry:
    words = text.text if text else ""
    return TeamEntry(entry_id, at, (author or note_author).text, kind, words, *days)


def _none(column: Any) -> sa.ColumnElement[Any]:
    """Returns NULL of a column's type, which PostgreSQL needs in a UNION."""
    return sa.cast(sa.null(), column.type)


_CAMPAIGN = sa.bindparam("campaign_id", type_=sa.Uuid())
_IDS: Any = sa.bindparam("ids", expanding=True)
_TODAY = sa.bindparam("today", type_=sa.Date())
_kind, _recorded_at = col(QuickAnswer.kind), col(QuickAnswer.recorded_at)
_answer_id, _ring_back_on = col(QuickAnswer.id), col(MemberNote.ring_back_on)
_numbered = (
    sa.select(
        col(QuickAnswer.member_id),
        _answer_id,
        _kind,
        _recorded_at,
        sa.func.row_number()
        .over(
            partition_by=col(QuickAnswer.member_id),
            order_by=(_recorded_at.desc(), _answer_id.desc()),
        )
        .label("place"),
    )
    .where(col(QuickAnswer.campaign_id) == _CAMPAIGN)
    .subquery()
)
_KNOWN = sa.union_all(
    sa.select(
        _numbered.c.member_id,
        _numbered.c.id,
        _numbered.c.kind,
        _numbered.c.recorded_at,
        _none(_ring_back_on),
    ).where(_numbered.c.place <= 2),
    sa.select(
        col(MemberNote.member_id),
        _none(_answer_id),
        _none(_kind),
        _none(_recorded_at),
        sa.func.min(_ring_back_on),
    )
    .where(col(MemberNote.campaign_id) == _CAMPAIGN, member_notes.is_due(_TODAY))
    .group_by(col(MemberNote.member_id)),
)
_author, _text = col(MemberNote.author), col(MemberNote.text)
_ENTRIES = sa.union_all(
    sa.select(
        col(QuickAnswer.member_id),
        _answer_id,
        _recorded_at,
        col(QuickAnswer.author),
        _kind,
        _none(_author),
        _none(_text),
        _none(_ring_back_on),
        _none(col(MemberNote.rung_back_at)),
    ).where(col(QuickAnswer.campaign_id) == _CAMPAIGN, col(QuickAnswer.member_id).in_(_IDS)),
    sa.select(
        col(MemberNote.member_id),
        col(MemberNote.id),
        col(MemberNote.created_at),
        _none(col(QuickAnswer.author)),
        _none(_kind),
        _author,
        _text,
        _ring_back_on,
        col(MemberNote.rung_back_at),
    ).where(col(MemberNote.campaign_id) == _CAMPAIGN, col(MemberNote.member_id).in_(_IDS)),
)
