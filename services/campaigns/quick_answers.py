"""What members' offices told a campaign's team on the telephone.

Answers are private: only pages of the organisation's editors and owners show them. The newest one
counts, and all are kept, so that the history says who recorded what.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from models import Campaign, Member, Organiser, Private, QuickAnswer, QuickAnswerKind
from services.errors import NotFound

PRESSED_TWICE = timedelta(minutes=1)
"""How soon the same answer of the same person is the same press of a button."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer without the name of whoever recorded it."""

    id: UUID
    kind: QuickAnswerKind
    recorded_at: datetime


def record(
    session: Session,
    campaign: Campaign,
    *,
    member_id: int,
    kind: QuickAnswerKind,
    organiser: Organiser,
    now: datetime,
) -> QuickAnswer:
    """Add what a member's office said. Raises NotFound for an unknown member.

    The same answer, pressed again by the same person within a minute, is kept once.
    """
    require_member(session, member_id)
    last = session.exec(_newest_first(campaign.id, [member_id]).limit(1)).first()
    if last and _is_same(last, kind, organiser, now):
        return last
    answer = QuickAnswer(
        organisation_id=campaign.organisation_id,
        campaign_id=campaign.id,
        member_id=member_id,
        organiser_id=organiser.id,
        author=Private(campaign.organisation_id, organiser.email.text),
        kind=kind,
        recorded_at=now,
    )
    session.add(answer)
    session.flush()
    return answer


def undo(session: Session, campaign: Campaign, answer_id: UUID) -> int:
    """Delete an answer for good; returns the id of its member.

    Raises NotFound for one of another campaign.
    """
    answer = session.get(QuickAnswer, answer_id)
    if answer is None or answer.campaign_id != campaign.id:
        raise NotFound("answer_unknown", "There is no such answer.")
    member_id = answer.member_id
    session.delete(answer)
    session.flush()
    return member_id


def of_members(
    session: Session, campaign_id: UUID, ids: Collection[int]
) -> dict[int, list[QuickAnswer]]:
    """Returns all answers of some members in one statement, the newest first."""
    found: dict[int, list[QuickAnswer]] = {member_id: [] for member_id in ids}
    for answer in session.exec(_newest_first(campaign_id, ids)):
        found[answer.member_id].append(answer)
    return found


def newest_two(session: Session, campaign_id: UUID) -> dict[int, list[Answer]]:
    """Returns the last two answers of each member in one statement, the newest first.

    The second one counts where the newest is left out: see `services/views/desk/asking.py`.
    """
    found: defaultdict[int, list[Answer]] = defaultdict(list)
    for member_id, *answer in session.execute(_NEWEST_TWO, {"campaign_id": campaign_id}):
        found[member_id].append(Answer(*answer))
    return found


def require_member(session: Session, member_id: int) -> None:
    """Raises NotFound for an id that no member has."""
    if not 0 < member_id < 2**31 or session.get(Member, member_id) is None:
        raise NotFound("member_unknown", "There is no such MP.")


def _is_same(last: QuickAnswer, kind: QuickAnswerKind, organiser: Organiser, now: datetime) -> bool:
    is_own = last.organiser_id == organiser.id
    return is_own and last.kind is kind and now - last.recorded_at < PRESSED_TWICE


_recorded_at, _id = col(QuickAnswer.recorded_at), col(QuickAnswer.id)
_NEWEST = (_recorded_at.desc(), _id.desc())


def _newest_first(campaign_id: UUID, ids: Collection[int]) -> SelectOfScalar[QuickAnswer]:
    is_theirs = (QuickAnswer.campaign_id == campaign_id, col(QuickAnswer.member_id).in_(ids))
    return select(QuickAnswer).where(*is_theirs).order_by(*_NEWEST)


_numbered = (
    sa.select(
        col(QuickAnswer.member_id),
        _id,
        col(QuickAnswer.kind),
        _recorded_at,
        sa.func.row_number()
        .over(partition_by=col(QuickAnswer.member_id), order_by=_NEWEST)
        .label("place"),
    )
    .where(col(QuickAnswer.campaign_id) == sa.bindparam("campaign_id", type_=sa.Uuid()))
    .subquery()
)
_NEWEST_TWO = (
    sa.select(_numbered.c.member_id, _numbered.c.id, _numbered.c.kind, _numbered.c.recorded_at)
    .where(_numbered.c.place <= 2)
    .order_by(_numbered.c.member_id, _numbered.c.place)
)
