"""Everything that happened to one campaign, and the events that its charts mark."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import (
    Campaign,
    Constituency,
    EventKind,
    Letter,
    LetterState,
    Member,
    Membership,
    MotionEventKind,
    OverrideKind,
    QuickAnswerKind,
    ReplyKind,
)
from services.views.desk import change_rows
from services.views.desk.changes import Change, ChangeKind

_LONG_AGO = datetime(1900, 1, 1, tzinfo=UTC)
_SIGNED = (ChangeKind.SIGNED, ChangeKind.RESTORED)


@dataclass(frozen=True, slots=True)
class DayEvent:
    """An event on a day: of the campaign's motion, or a date that the campaign has set itself."""

    day: date
    kind: MotionEventKind | EventKind
    title: str


def page(
    session: Session,
    campaign: Campaign,
    *,
    since: datetime | None,
    now: datetime,
    with_answers: bool,
    skip: int = 0,
    limit: int,
) -> list[Change]:
    """Returns changes after `since`, the newest first, in two statements.

    `with_answers` adds what MPs' offices told the team, which viewers must not see.
    """
    values = _values(campaign, since, now) | {"skip": skip, "most": limit}
    rows = session.execute(_statements(with_answers).shown, values).all()
    return _with_letters(session, campaign, [_change(campaign, row) for row in rows])


def count(
    session: Session, campaign: Campaign, *, since: datetime, now: datetime, with_answers: bool
) -> int:
    """Returns how many changes came after `since`, in one statement."""
    statement = _statements(with_answers).counted
    return int(session.execute(statement, _values(campaign, since, now)).scalar_one())


def latest(
    session: Session, campaign: Campaign, *, now: datetime, with_answers: bool, limit: int
) -> tuple[list[Change], list[DayEvent]]:
    """Returns the last changes, without letters, and all events by day, in one statement."""
    values = _values(campaign, None, now) | {"skip": 0, "most": limit}
    rows = session.execute(_statements(with_answers).latest, values).all()
    changes = [_change(campaign, row) for row in rows if not row.is_event]
    events = [_event(row) for row in rows if row.is_event]
    return (
        sorted(changes, key=lambda change: change.at, reverse=True),
        sorted(events, key=lambda event: (event.day, event.title)),
    )


def _values(campaign: Campaign, since: datetime | None, now: datetime) -> dict[str, Any]:
    return {
        "campaign_id": campaign.id,
        "organisation_id": campaign.organisation_id,
        "since": since or _LONG_AGO,
        "now": now,
    }


def _change(campaign: Campaign, row: Any) -> Change:
    kind = ChangeKind(row.kind)
    return Change(
        kind=kind,
        at=row.at,
        campaign=campaign,
        member=row.Member,
        seat=row.seat or "",
        seat_code=row.seat_code or "",
        reply=ReplyKind(row.detail) if kind is ChangeKind.REPLY else None,
        answer=QuickAnswerKind(row.detail) if kind is ChangeKind.ANSWER else None,
        override=OverrideKind(row.detail) if kind is ChangeKind.OVERRIDE else None,
        title=row.title or "",
        slug=row.detail if kind is ChangeKind.NEWS else "",
        day=row.day,
    )


def _event(row: Any) -> DayEvent:
    is_of_motion = row.kind in set(MotionEventKind)
    kind = MotionEventKind(row.kind) if is_of_motion else EventKind(row.kind)
    return DayEvent(row.day, kind, row.title or "")


def _with_letters(session: Session, campaign: Campaign, changes: Sequence[Change]) -> list[Change]:
    """Adds to each name that came onto the motion how many letters had gone to the member."""
    ids = {each.member.id for each in changes if each.member and each.kind in _SIGNED}
    sent = _sent(session, campaign, ids)
    return [
        replace(each, letters=sum(at <= each.at for at in sent[each.member.id]))
        if each.member and each.kind in _SIGNED
        else each
        for each in changes
    ]


def _sent(
    session: Session, campaign: Campaign, member_ids: Iterable[int]
) -> defaultdict[int, list[datetime]]:
    statement = select(Letter.member_id, Letter.sent_at).where(
        Letter.campaign_id == campaign.id,
        Letter.state == LetterState.SENT,
        col(Letter.member_id).in_(member_ids),
    )
    sent: defaultdict[int, list[datetime]] = defaultdict(list)
    for member_id, at in session.exec(statement):
        if at is not None:
            sent[member_id].append(at)
    return sent


@dataclass(frozen=True, slots=True)
class _Statements:
    """The statements with or without the answers of MPs' offices. Building them costs more than
    running them."""

    shown: sa.Select[Any]
    counted: sa.Select[Any]
    latest: sa.Select[Any]


def _built(*, with_answers: bool) -> _Statements:
    rows = change_rows.of_campaign(with_answers=with_answers).subquery("changes")
    wanted = (
        sa.select(rows)
        .where(rows.c.at > change_rows.SINCE, rows.c.at <= change_rows.NOW)
        .order_by(rows.c.at.desc(), rows.c.kind, rows.c.member_id, rows.c.title)
        .offset(sa.bindparam("skip"))
        .limit(sa.bindparam("most"))
    )
    counted = (
        sa.select(sa.func.count())
        .select_from(rows)
        .where(rows.c.at > change_rows.SINCE, rows.c.at <= change_rows.NOW)
    )
    cut = wanted.subquery("cut")
    both = sa.union_all(
        sa.select(cut, sa.literal(False).label("is_event")),
        sa.select(change_rows.events().subquery("events"), sa.literal(True).label("is_event")),
    )
    return _Statements(
        _with_members(wanted.subquery("shown")), counted, _with_members(both.subquery("latest"))
    )


def _with_members(rows: sa.Subquery) -> sa.Select[Any]:
    """Adds the members and their seats of today."""
    seat = sa.and_(col(Membership.member_id) == rows.c.member_id, col(Membership.ends_on).is_(None))
    return (
        sa.select(
            rows,
            Member,
            col(Constituency.code).label("seat_code"),
            col(Constituency.name).label("seat"),
        )
        .select_from(rows)
        .outerjoin(Member, col(Member.id) == rows.c.member_id)
        .outerjoin(Membership, seat)
        .outerjoin(Constituency, col(Constituency.code) == Membership.constituency_code)
        .order_by(rows.c.at.desc(), rows.c.kind, rows.c.member_id, rows.c.title)
    )


_FOR_VIEWERS, _FOR_EDITORS = _built(with_answers=False), _built(with_answers=True)


def _statements(with_answers: bool) -> _Statements:
    return _FOR_EDITORS if with_answers else _FOR_VIEWERS
