"""What members' offices told a campaign's team on the telephone.

Answers are private: only pages of the organisation's editors and owners show them. The newest one
counts, and all are kept, so that the history says who recorded what. `team_records` reads them.
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import Session, col, select

from models import Campaign, Member, Organiser, Private, QuickAnswer, QuickAnswerKind
from services.errors import NotFound

PRESSED_TWICE = timedelta(minutes=1)
"""How soon the same answer of the same person is the same press of a button."""


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
    is_theirs = (QuickAnswer.campaign_id == campaign.id, QuickAnswer.member_id == member_id)
    newest = (col(QuickAnswer.recorded_at).desc(), col(QuickAnswer.id).desc())
    last = session.exec(select(QuickAnswer).where(*is_theirs).order_by(*newest)).first()
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


def require_member(session: Session, member_id: int) -> None:
    """Raises NotFound for an id that no member has."""
    if not 0 < member_id < 2**31 or session.get(Member, member_id) is None:
        raise NotFound("member_unknown", "There is no such MP.")


def _is_same(last: QuickAnswer, kind: QuickAnswerKind, organiser: Organiser, now: datetime) -> bool:
    is_own = last.organiser_id == organiser.id
    return is_own and last.kind is kind and now - last.recorded_at < PRESSED_TWICE
