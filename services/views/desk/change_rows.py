"""The rows of everything that happened to one campaign, as one SQL statement.

Each row has `kind`, `at`, `member_id`, `title`, `detail` and `day`: those of
`services.views.desk.changes.Change`.
"""

from typing import Any

import sqlalchemy as sa
from sqlmodel import col

from models import (
    Campaign,
    CampaignEvent,
    CampaignMotion,
    CampaignUpdate,
    MemberOverride,
    MemberReply,
    Motion,
    MotionEvent,
    MotionEventKind,
    Petition,
    PetitionState,
    QuickAnswer,
)
from models.base import UtcDateTime
from services.views.desk import names
from services.views.desk.changes import ChangeKind

SINCE = sa.bindparam("since", type_=UtcDateTime())
NOW = sa.bindparam("now", type_=UtcDateTime())
_CAMPAIGN = sa.bindparam("campaign_id", type_=sa.Uuid())
_ORGANISATION = sa.bindparam("organisation_id", type_=sa.Uuid())
_OF_MOTION = tuple(
    kind
    for kind in MotionEventKind
    if kind not in (MotionEventKind.SIGNED, MotionEventKind.WITHDRAWN, MotionEventKind.RESTORED)
)
_NEWS_OF_MOTION = tuple(kind for kind in MotionEventKind if kind is not MotionEventKind.TABLED)
_IS_CURRENT = sa.and_(col(CampaignMotion.campaign_id) == _CAMPAIGN, col(CampaignMotion.is_current))


def of_campaign(*, with_answers: bool) -> sa.CompoundSelect[Any]:
    """Returns all changes; what MPs' offices told the team only `with_answers`."""
    parts = [_names(), _replies(), _overrides(), _links(), _news(), _dates(), _closed(), *_stages()]
    return sa.union_all(*parts, *([_answers()] if with_answers else []))


def events() -> sa.CompoundSelect[Any]:
    """Returns what happened to the current motion itself, and the campaign's own dates."""
    of_motion = (
        _row(
            _text(MotionEvent.kind),
            title=col(Motion.number),
            day=col(MotionEvent.happened_on),
        )
        .join(CampaignMotion, col(CampaignMotion.motion_id) == MotionEvent.motion_id)
        .join(Motion, col(Motion.id) == MotionEvent.motion_id)
        .where(_IS_CURRENT, col(MotionEvent.kind).in_(_OF_MOTION))
    )
    own = _row(
        _text(CampaignEvent.kind), title=col(CampaignEvent.title), day=col(CampaignEvent.day)
    ).where(col(CampaignEvent.campaign_id) == _CAMPAIGN)
    return sa.union_all(of_motion, own)


def _row(
    kind: Any,
    at: Any = None,
    *,
    member_id: Any = None,
    title: Any = None,
    detail: Any = None,
    day: Any = None,
) -> sa.Select[Any]:
    return sa.select(
        (sa.literal(kind.value) if isinstance(kind, ChangeKind) else kind).label("kind"),
        _or_null(at, UtcDateTime()).label("at"),
        _or_null(member_id, sa.Integer()).label("member_id"),
        _or_null(title, sa.String()).label("title"),
        _or_null(detail, sa.String()).label("detail"),
        _or_null(day, sa.Date()).label("day"),
    )


def _or_null(value: Any, kind: Any) -> sa.ColumnElement[Any]:
    """Returns a column, or NULL with a type, which PostgreSQL needs in a UNION."""
    return sa.cast(sa.null(), kind) if value is None else value


def _text(column: Any) -> sa.ColumnElement[str]:
    return sa.type_coerce(col(column), sa.String)


def _names() -> sa.Select[Any]:
    return (
        _row(
            _text(MotionEvent.kind), col(MotionEvent.seen_at), member_id=col(MotionEvent.member_id)
        )
        .join(CampaignMotion, col(CampaignMotion.motion_id) == MotionEvent.motion_id)
        .where(_IS_CURRENT, col(MotionEvent.kind).in_(_NEWS_OF_MOTION), names.IS_LATER_LOOK)
    )


def _replies() -> sa.Select[Any]:
    return _row(
        ChangeKind.REPLY,
        col(MemberReply.recorded_at),
        member_id=col(MemberReply.member_id),
        detail=_text(MemberReply.kind),
    ).where(col(MemberReply.campaign_id) == _CAMPAIGN)


def _answers() -> sa.Select[Any]:
    return _row(
        ChangeKind.ANSWER,
        col(QuickAnswer.recorded_at),
        member_id=col(QuickAnswer.member_id),
        detail=_text(QuickAnswer.kind),
    ).where(col(QuickAnswer.campaign_id) == _CAMPAIGN)


def _overrides() -> sa.Select[Any]:
    campaign = col(MemberOverride.campaign_id)
    return _row(
        ChangeKind.OVERRIDE,
        col(MemberOverride.recorded_at),
        member_id=col(MemberOverride.member_id),
        detail=_text(MemberOverride.kind),
    ).where(
        col(MemberOverride.organisation_id) == _ORGANISATION,
        sa.or_(campaign.is_(None), campaign == _CAMPAIGN),
    )


def _links() -> sa.Select[Any]:
    return (
        _row(ChangeKind.LINKED, col(CampaignMotion.linked_at), title=col(Motion.number))
        .join(Motion, col(Motion.id) == CampaignMotion.motion_id)
        .where(_IS_CURRENT)
    )


def _news() -> sa.Select[Any]:
    return _row(
        ChangeKind.NEWS,
        col(CampaignUpdate.published_at),
        title=col(CampaignUpdate.title),
        detail=col(CampaignUpdate.slug),
    ).where(col(CampaignUpdate.campaign_id) == _CAMPAIGN)


def _dates() -> sa.Select[Any]:
    return _row(
        ChangeKind.DATE,
        col(CampaignEvent.created_at),
        title=col(CampaignEvent.title),
        day=col(CampaignEvent.day),
    ).where(col(CampaignEvent.campaign_id) == _CAMPAIGN)


def _closed() -> sa.Select[Any]:
    return _row(
        ChangeKind.PETITION_CLOSED, col(Petition.closes_at), title=col(Petition.action)
    ).where(
        col(Petition.campaign_id) == _CAMPAIGN,
        col(Petition.state) != PetitionState.DRAFT,
        col(Petition.closes_at).is_not(None),
    )


def _stages() -> list[sa.Select[Any]]:
    created_at, opened_at = col(Campaign.created_at), col(Campaign.opened_at)
    # A campaign that began open has no draft to speak of.
    was_draft = sa.or_(opened_at.is_(None), created_at != opened_at)
    return [
        _row(kind, at).where(col(Campaign.id) == _CAMPAIGN, condition)
        for kind, at, condition in (
            (ChangeKind.STARTED, created_at, was_draft),
            (ChangeKind.OPENED, opened_at, opened_at.is_not(None)),
            (ChangeKind.ENDED, col(Campaign.ended_at), col(Campaign.ended_at).is_not(None)),
        )
    ]
