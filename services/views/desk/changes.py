"""What happened to an organisation's campaigns since a moment, for the home of the desk."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import (
    AccountEvent,
    AccountEventKind,
    Campaign,
    CampaignMotion,
    CampaignStatus,
    CampaignUpdate,
    Constituency,
    Letter,
    LetterState,
    LetterTally,
    Member,
    MemberReply,
    Membership,
    MotionEvent,
    MotionEventKind,
    OverrideKind,
    QuickAnswerKind,
    ReplyKind,
    Role,
)
from models.base import UtcDateTime
from services.common import times
from services.tallies import counts
from services.views.desk import names
from services.views.desk.figures import A_DAY, CampaignFigures
from services.views.desk.petitions import DeskPetition

SHOWN = 20
LONGEST = timedelta(days=30)
"""How far back the list goes for somebody who was away for longer."""
_ACCOUNTS = (AccountEventKind.JOINED, AccountEventKind.ROLE_CHANGED, AccountEventKind.REMOVED)


class ChangeKind(StrEnum):
    """What a change is about. The first seven are about a motion, and the next three about an MP.

    `answer` is what an MP's office told the team, which only editors and owners see. `override` is
    what the team recorded in public.
    """

    SIGNED = "signed"
    RESTORED = "restored"
    WITHDRAWN = "withdrawn"
    AMENDED = "amended"
    LAPSED = "lapsed"
    MOTION_WITHDRAWN = "motion_withdrawn"
    MOTION_RESTORED = "motion_restored"
    REPLY = "reply"
    ANSWER = "answer"
    OVERRIDE = "override"
    LINKED = "linked"
    DATE = "date"
    NEWS = "news"
    STARTED = "started"
    OPENED = "opened"
    ENDED = "ended"
    PETITION_CLOSED = "petition_closed"
    JOINED = "joined"
    ROLE_CHANGED = "role_changed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Change:
    """One change. `at` is when we saw it; for a campaign's outcome it is a midnight in London.

    `member` with `seat` and `seat_code` is the MP it is about; `letters` counts the letters that
    had gone to them before, and is None where nobody counted. `title` is that of the news, the
    petition, the date or the motion, and `slug` the address of news. `day` is that of a date.
    `person` is whose account changed, `by` who changed it, and `role` the role they have now.
    """

    kind: ChangeKind
    at: datetime
    campaign: Campaign | None = None
    member: Member | None = None
    seat: str = ""
    seat_code: str = ""
    letters: int | None = None
    reply: ReplyKind | None = None
    answer: QuickAnswerKind | None = None
    override: OverrideKind | None = None
    title: str = ""
    slug: str = ""
    day: date | None = None
    person: str = ""
    by: str = ""
    role: str = ""


def begins(previous_visit: datetime | None, *, now: datetime) -> datetime:
    """Returns since when changes are shown: the last visit, at least a day, at most a month."""
    earliest = now - LONGEST
    return max(earliest, min(previous_visit or now, now - A_DAY))


def of_organisation(
    session: Session,
    organisation_id: UUID,
    campaigns: Sequence[CampaignFigures],
    petitions: Sequence[DeskPetition],
    *,
    since: datetime,
    now: datetime,
    with_accounts: bool,
) -> list[Change]:
    """Returns the last `SHOWN` changes after `since`, the newest first."""
    by_id = {each.campaign.id: each.campaign for each in campaigns}
    changes = [
        *_about_motions(session, organisation_id, by_id, since),
        *_news(session, organisation_id, by_id, since, now),
        *_of_campaigns(campaigns, since),
        *_closed(petitions, by_id, since, now),
    ]
    if with_accounts:
        changes += _accounts(session, organisation_id, since)
    return sorted(changes, key=lambda change: change.at, reverse=True)[:SHOWN]


def _about_motions(
    session: Session, organisation_id: UUID, by_id: dict[UUID, Campaign], since: datetime
) -> list[Change]:
    values = {"organisation_id": organisation_id, "since": since}
    return [
        Change(
            kind=ChangeKind.REPLY if is_reply else ChangeKind(detail),
            at=at,
            campaign=by_id[campaign_id],
            member=member,
            seat=seat or "",
            seat_code=code or "",
            letters=max(letters, 0),
            reply=ReplyKind(detail) if is_reply else None,
        )
        for is_reply, detail, at, campaign_id, member, code, seat, letters in session.execute(
            _ABOUT_MOTIONS, values
        )
    ]


def _news(
    session: Session,
    organisation_id: UUID,
    by_id: dict[UUID, Campaign],
    since: datetime,
    now: datetime,
) -> list[Change]:
    statement = (
        select(
            CampaignUpdate.campaign_id,
            CampaignUpdate.title,
            CampaignUpdate.slug,
            CampaignUpdate.published_at,
        )
        .join(Campaign, col(Campaign.id) == CampaignUpdate.campaign_id)
        .where(
            Campaign.organisation_id == organisation_id,
            Campaign.status != CampaignStatus.DRAFT,
            CampaignUpdate.published_at > since,
            CampaignUpdate.published_at <= now,
        )
        .order_by(col(CampaignUpdate.published_at).desc())
        .limit(SHOWN)
    )
    return [
        Change(ChangeKind.NEWS, at, campaign=by_id[campaign_id], title=title, slug=slug)
        for campaign_id, title, slug, at in session.exec(statement)
    ]


def _of_campaigns(campaigns: Sequence[CampaignFigures], since: datetime) -> list[Change]:
    """Returns the campaigns that were started or opened, or whose outcome has a day, since then.

    A campaign that was open from its start has only been started.
    """
    shown = [each.campaign for each in campaigns]
    started = [
        Change(ChangeKind.STARTED, campaign.created_at, campaign=campaign)
        for campaign in shown
        if campaign.created_at > since
    ]
    opened = [
        Change(ChangeKind.OPENED, campaign.opened_at, campaign=campaign)
        for campaign in shown
        if campaign.opened_at and max(since, campaign.created_at) < campaign.opened_at
    ]
    ended = [
        Change(ChangeKind.ENDED, times.begin_of_day(campaign.outcome_on), campaign=campaign)
        for campaign in shown
        if campaign.outcome_on and campaign.outcome_on >= times.today(since)
    ]
    return started + opened + ended


def _closed(
    petitions: Sequence[DeskPetition], by_id: dict[UUID, Campaign], since: datetime, now: datetime
) -> list[Change]:
    return [
        Change(
            ChangeKind.PETITION_CLOSED,
            item.petition.closes_at,
            campaign=by_id[item.petition.campaign_id],
            title=item.petition.action,
        )
        for item in petitions
        if item.petition.closes_at and since < item.petition.closes_at <= now
    ]


def _accounts(session: Session, organisation_id: UUID, since: datetime) -> list[Change]:
    statement = (
        select(AccountEvent)
        .where(
            AccountEvent.organisation_id == organisation_id,
            AccountEvent.at > since,
            col(AccountEvent.kind).in_(_ACCOUNTS),
        )
        .order_by(col(AccountEvent.at).desc())
        .limit(SHOWN)
    )
    return [_of_account(event) for event in session.exec(statement)]


def _of_account(event: AccountEvent) -> Change:
    actor, about = _text(event.actor), _text(event.about)
    role = event.detail if event.detail in set(Role) else ""
    return Change(
        ChangeKind(event.kind.value), event.at, person=about or actor, by=actor, role=role
    )


def _text(sealed: Any) -> str:
    return sealed.text if sealed else ""


_OF_OPEN = (
    col(Campaign.organisation_id) == sa.bindparam("organisation_id"),
    col(Campaign.status) == CampaignStatus.OPEN,
)
_SINCE = sa.bindparam("since", type_=UtcDateTime())
_SHOWN_KINDS = tuple(kind for kind in MotionEventKind if kind is not MotionEventKind.TABLED)
_seen: sa.Select[*tuple[Any, ...]] = (
    sa.select(
        sa.literal(False).label("is_reply"),
        sa.type_coerce(col(MotionEvent.kind), sa.String).label("detail"),
        col(MotionEvent.seen_at).label("at"),
        col(Campaign.id).label("campaign_id"),
        col(MotionEvent.member_id).label("member_id"),
        col(MotionEvent.motion_id).label("motion_id"),
    )
    .join(CampaignMotion, col(CampaignMotion.motion_id) == MotionEvent.motion_id)
    .join(Campaign, col(Campaign.id) == CampaignMotion.campaign_id)
    .where(
        *_OF_OPEN,
        col(CampaignMotion.is_current),
        col(MotionEvent.kind).in_(_SHOWN_KINDS),
        col(MotionEvent.seen_at) > _SINCE,
        names.IS_LATER_LOOK,
    )
)
_replied = (
    sa.select(
        sa.literal(True),
        sa.type_coerce(col(MemberReply.kind), sa.String),
        col(MemberReply.recorded_at),
        col(Campaign.id),
        col(MemberReply.member_id),
        col(MemberReply.motion_id),
    )
    .join(Campaign, col(Campaign.id) == MemberReply.campaign_id)
    .where(*_OF_OPEN, col(MemberReply.recorded_at) > _SINCE)
)
_both = sa.union_all(_seen, _replied).subquery("about_motions")
# The counter has all letters to a seat; those after the change are few, and subtracted.
_sent = (
    sa.select(col(LetterTally.sent))
    .where(
        col(LetterTally.campaign_id) == _both.c.campaign_id,
        col(LetterTally.motion_key) == sa.func.coalesce(_both.c.motion_id, counts.NO_MOTION),
        col(LetterTally.constituency_code) == Constituency.code,
    )
    .correlate(_both, Constituency)
    .scalar_subquery()
)
_sent_later = (
    sa.select(sa.func.count(col(Letter.id)))
    .where(
        col(Letter.campaign_id) == _both.c.campaign_id,
        col(Letter.state) == LetterState.SENT,
        col(Letter.sent_at) > _both.c.at,
        sa.func.coalesce(col(Letter.motion_id), counts.NO_MOTION)
        == sa.func.coalesce(_both.c.motion_id, counts.NO_MOTION),
        col(Letter.constituency_code) == Constituency.code,
    )
    .correlate(_both, Constituency)
    .scalar_subquery()
)
_ABOUT_MOTIONS = (
    sa.select(
        _both.c.is_reply,
        _both.c.detail,
        _both.c.at,
        _both.c.campaign_id,
        Member,
        col(Constituency.code),
        col(Constituency.name),
        sa.func.coalesce(_sent, 0) - _sent_later,
    )
    .select_from(_both)
    .outerjoin(Member, col(Member.id) == _both.c.member_id)
    .outerjoin(
        Membership,
        sa.and_(col(Membership.member_id) == _both.c.member_id, col(Membership.ends_on).is_(None)),
    )
    .outerjoin(Constituency, col(Constituency.code) == Membership.constituency_code)
    .order_by(_both.c.at.desc())
    .limit(SHOWN)
)
