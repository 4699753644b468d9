"""Reads what a campaign's team keeps to itself about members: quick answers and notes.

Only pages of the organisation's editors and owners may show it.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from models import MemberNote, QuickAnswer, QuickAnswerKind
from services.campaigns import member_notes


class Answer(NamedTuple):
    """An answer of an office, without the name of whoever recorded it."""

    kind: QuickAnswerKind
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class TeamKnowledge:
    """What a team knows, by member: the newest answers, and whom to ring back.

    `before` has what counted before an answer that was just recorded and counts now, for its member
    alone; None if there was none. `ring_backs` has the earliest day, today or before, on which
    nobody has rung back yet.
    """

    answers: dict[int, Answer] = field(default_factory=dict)
    before: dict[int, Answer | None] = field(default_factory=dict)
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


def knowledge(
    session: Session, campaign_id: UUID, *, today: date, just_recorded: UUID | None = None
) -> TeamKnowledge:
    """Returns what a campaign's team knows of all members, in one statement.

    `just_recorded` is the answer whose member is in `before`.
    """
    known, second = TeamKnowledge(), dict[int, Answer]()
    values = {"campaign_id": campaign_id, "today": today, "just_recorded": just_recorded}
    for member_id, place, is_new, kind, recorded_at, day in session.execute(_KNOWN, values):
        if day is not None:
            known.ring_backs[member_id] = day
            continue
        (known.answers if place == 1 else second)[member_id] = Answer(kind, recorded_at)
        if is_new and place == 1:
            known.before[member_id] = None
    for member_id in known.before:
        known.before[member_id] = second.get(member_id)
    return known


def entries(
    session: Session, campaign_id: UUID, ids: Collection[int]
) -> dict[int, list[TeamEntry]]:
    """Returns every answer and note about some members in one statement, the newest first."""
    rows = session.execute(ENTRIES, {"campaign_id": campaign_id, "ids": list(ids)})
    return entries_of(rows, ids)


def entries_of(rows: Iterable[Sequence[Any]], ids: Collection[int]) -> dict[int, list[TeamEntry]]:
    """Returns the entries that rows of `ENTRIES` hold, by member, the newest first."""
    found: dict[int, list[TeamEntry]] = {member_id: [] for member_id in ids}
    for member_id, *row in rows:
        found[member_id].append(_entry(*row))
    for each in found.values():
        each.sort(key=lambda entry: (entry.at, entry.id), reverse=True)
    return found


def _entry(
    entry_id: UUID, at: datetime, author: Any, kind: Any, note_author: Any, text: Any, *days: Any
) -> TeamEntry:
    words = text.text if text else ""
    return TeamEntry(entry_id, at, (author or note_author).text, kind, words, *days)


def none_of(column: Any) -> sa.ColumnElement[Any]:
    """Returns NULL of a column's type, which PostgreSQL needs in a UNION."""
    return sa.cast(sa.null(), column.type)


_CAMPAIGN = sa.bindparam("campaign_id", type_=sa.Uuid())
_IDS: Any = sa.bindparam("ids", expanding=True)
_TODAY = sa.bindparam("today", type_=sa.Date())
_JUST_RECORDED = sa.bindparam("just_recorded", type_=sa.Uuid())
_kind, _recorded_at = col(QuickAnswer.kind), col(QuickAnswer.recorded_at)
_answer_id, _ring_back_on = col(QuickAnswer.id), col(MemberNote.ring_back_on)
_numbered = (
    sa.select(
        col(QuickAnswer.member_id),
        _kind,
        _recorded_at,
        sa.func.row_number()
        .over(
            partition_by=col(QuickAnswer.member_id),
            order_by=(_recorded_at.desc(), _answer_id.desc()),
        )
        .label("place"),
        (_answer_id == _JUST_RECORDED).label("is_new"),
    )
    .where(col(QuickAnswer.campaign_id) == _CAMPAIGN)
    .subquery()
)
_its_member = (
    sa.select(col(QuickAnswer.member_id)).where(_answer_id == _JUST_RECORDED).scalar_subquery()
)
_KNOWN = sa.union_all(
    sa.select(
        _numbered.c.member_id,
        _numbered.c.place,
        _numbered.c.is_new,
        _numbered.c.kind,
        _numbered.c.recorded_at,
        none_of(_ring_back_on),
    ).where(
        sa.or_(
            _numbered.c.place == 1,
            sa.and_(_numbered.c.place == 2, _numbered.c.member_id == _its_member),
        )
    ),
    sa.select(
        col(MemberNote.member_id),
        sa.literal(0),
        sa.false(),
        none_of(_kind),
        none_of(_recorded_at),
        sa.func.min(_ring_back_on),
    )
    .where(col(MemberNote.campaign_id) == _CAMPAIGN, member_notes.is_due(_TODAY))
    .group_by(col(MemberNote.member_id)),
)
_author, _text = col(MemberNote.author), col(MemberNote.text)
ENTRIES = sa.union_all(
    sa.select(
        col(QuickAnswer.member_id),
        _answer_id,
        _recorded_at,
        col(QuickAnswer.author),
        _kind,
        none_of(_author).label("note_author"),
        none_of(_text).label("text"),
        none_of(_ring_back_on).label("ring_back_on"),
        none_of(col(MemberNote.rung_back_at)).label("rung_back_at"),
    ).where(col(QuickAnswer.campaign_id) == _CAMPAIGN, col(QuickAnswer.member_id).in_(_IDS)),
    sa.select(
        col(MemberNote.member_id),
        col(MemberNote.id),
        col(MemberNote.created_at),
        none_of(col(QuickAnswer.author)),
        none_of(_kind),
        _author,
        _text,
        _ring_back_on,
        col(MemberNote.rung_back_at),
    ).where(col(MemberNote.campaign_id) == _CAMPAIGN, col(MemberNote.member_id).in_(_IDS)),
)
"""Answers and notes of a campaign about the members with some `ids`."""
