"""The figures of an organisation's campaigns, and how they changed, in one statement for all.

The figures are those of `services/tallies/seat_table.py`, without the seats.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from models import (
    Campaign,
    CampaignMotion,
    CampaignStatus,
    Letter,
    LetterState,
    LetterTally,
    MemberReply,
    Motion,
    MotionEvent,
    MotionEventKind,
    MotionSignatory,
    ParliamentSession,
    Petition,
    PetitionHour,
    PetitionTally,
)
from models.base import UtcDateTime
from services.campaigns import member_notes
from services.common import times
from services.parliament import seats
from services.tallies import counts
from services.views.desk import names

A_DAY = timedelta(days=1)
_ENDS = (MotionEventKind.LAPSED, MotionEventKind.MOTION_WITHDRAWN)
_SINCE = sa.bindparam("since", type_=UtcDateTime())
_TODAY = sa.bindparam("today", type_=sa.Date())
_HOUR = sa.bindparam("hour", type_=UtcDateTime())


@dataclass(frozen=True, slots=True)
class Figure:
    """A count, and its change in the last 24 hours."""

    count: int = 0
    change: int = 0

    def __add__(self, other: "Figure") -> "Figure":
        return Figure(self.count + other.count, self.change + other.change)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a campaign has reached: MPs on its current motion, signatures, letters, replies.

    `signed` counts the MPs who hold a seat today; its change, all names that came on and off.

    `letters` are those about the current motion that were sent, as in the tally: without a motion,
    those that were written without one.
    """

    signed: Figure = Figure()
    signatures: Figure = Figure()
    letters: Figure = Figure()
    replies: Figure = Figure()

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(
            self.signed + other.signed,
            self.signatures + other.signatures,
            self.letters + other.letters,
            self.replies + other.replies,
        )


@dataclass(frozen=True, slots=True)
class LetterCounts:
    """Letters that are not sent: they wait, have no clear outcome, were refused, or came back."""

    waiting: int = 0
    uncertain: int = 0
    refused: int = 0
    bounced: int = 0


@dataclass(frozen=True, slots=True)
class CampaignFigures:
    """A campaign with its current motion.

    `parliament_session` is the name of the motion's session. `motion_ended_on` is the day on which
    the motion fell or was withdrawn, if it was.
    `offices_to_ring` counts those that somebody should ring back today.
    """

    campaign: Campaign
    motion: Motion | None
    parliament_session: str | None
    motion_ended_on: date | None
    figures: Figures
    letters: LetterCounts
    offices_to_ring: int = 0

    @property
    def is_open(self) -> bool:
        """Returns whether the campaign is open."""
        return self.campaign.status is CampaignStatus.OPEN

    @property
    def is_draft(self) -> bool:
        """Returns whether only the organisation sees the campaign."""
        return self.campaign.status is CampaignStatus.DRAFT


def of_organisation(
    session: Session, organisation_id: UUID, *, now: datetime
) -> list[CampaignFigures]:
    """Returns all campaigns of an organisation, drafts too, the newest first.

    Signatures and letters count from the hour in which the 24 hours began, as in
    `services/tallies/histories.py`, which knows only their hours.
    """
    values = _since(now) | {"organisation_id": organisation_id}
    return [_of_row(row) for row in session.execute(_OF_ORGANISATION, values)]


def of_campaign(session: Session, campaign_id: UUID, *, now: datetime) -> CampaignFigures:
    """Returns those of one campaign."""
    values = _since(now) | {"campaign_id": campaign_id}
    return _of_row(session.execute(_OF_CAMPAIGN_ALONE, values).one())


def total(campaigns: Iterable[CampaignFigures]) -> Figures:
    """Returns the sums over some campaigns."""
    return sum((each.figures for each in campaigns), Figures())


def _since(now: datetime) -> dict[str, Any]:
    since = now - A_DAY
    hour = since.replace(minute=0, second=0, microsecond=0)
    return {"since": since, "hour": hour, "today": times.today(now)}


def _of_row(row: Any) -> CampaignFigures:
    (
        campaign,
        motion,
        parliament_session,
        ended_on,
        to_ring,
        waiting,
        uncertain,
        rejected,
        bounced,
        *numbers,
    ) = row
    signed, signatures, letters, replies = (
        Figure(int(count), int(change))
        for count, change in zip(numbers[::2], numbers[1::2], strict=True)
    )
    return CampaignFigures(
        campaign=campaign,
        motion=motion,
        parliament_session=parliament_session,
        motion_ended_on=ended_on,
        figures=Figures(signed, signatures, letters, replies),
        letters=LetterCounts(waiting, uncertain, rejected - bounced, bounced),
        offices_to_ring=to_ring,
    )


def _number(value: sa.ColumnElement[Any], *conditions: Any) -> sa.ScalarSelect[Any]:
    """Returns a number for each row of `_CAMPAIGNS`; 0 where nothing meets the conditions."""
    chosen = sa.select(sa.func.coalesce(value, 0)).where(*conditions)
    return chosen.correlate(Campaign, Motion).scalar_subquery()


def _letters(state: LetterState, *conditions: Any) -> sa.ScalarSelect[Any]:
    of_campaign = (col(Letter.campaign_id) == Campaign.id, col(Letter.state) == state)
    return _number(sa.func.count(), *of_campaign, *conditions)


_sent_at, _bounced_at = col(Letter.sent_at), col(Letter.bounced_at)
# Those about the current motion; without one, those that were written without one.
_KEY = sa.func.coalesce(col(Motion.id), counts.NO_MOTION)
_OF_MOTION = sa.func.coalesce(col(Letter.motion_id), counts.NO_MOTION) == _KEY
_OF_CAMPAIGN = col(Petition.campaign_id) == Campaign.id
_TALLIED = (col(PetitionTally.petition_id) == Petition.id, _OF_CAMPAIGN)
_HOURLY = (col(PetitionHour.petition_id) == Petition.id, _OF_CAMPAIGN)
_REPLIED = col(MemberReply.campaign_id) == Campaign.id
_ENDED_ON = (
    sa.select(sa.func.max(col(MotionEvent.happened_on)))
    .where(col(MotionEvent.motion_id) == Motion.id, col(MotionEvent.kind).in_(_ENDS))
    .correlate(Motion)
    .scalar_subquery()
)
# Built once: building it costs more than running it. Each number reads an index.
_CAMPAIGNS = (
    sa.select(
        Campaign,
        Motion,
        col(ParliamentSession.name),
        _ENDED_ON,
        member_notes.count_due(col(Campaign.id), _TODAY),
        _letters(LetterState.QUEUED),
        _letters(LetterState.UNCERTAIN),
        _letters(LetterState.REJECTED),
        _letters(LetterState.REJECTED, _bounced_at.is_not(None)),
        _number(
            sa.func.count(sa.distinct(col(MotionSignatory.member_id))),
            col(MotionSignatory.motion_id) == Motion.id,
            ~col(MotionSignatory.is_withdrawn),
            seats.holds_seat(col(MotionSignatory.member_id), _TODAY),
        ),
        _number(
            sa.func.sum(names.CHANGE),
            col(MotionEvent.motion_id) == Motion.id,
            col(MotionEvent.seen_at) > _SINCE,
            names.IS_LATER_LOOK,
        ),
        _number(sa.func.sum(col(PetitionTally.confirmed)), *_TALLIED),
        _number(sa.func.sum(col(PetitionHour.change)), *_HOURLY, col(PetitionHour.hour) >= _HOUR),
        _number(
            sa.func.sum(col(LetterTally.sent)),
            col(LetterTally.campaign_id) == Campaign.id,
            col(LetterTally.motion_key) == _KEY,
        ),
        # A letter that came back no longer counts, though it counted yesterday.
        _letters(LetterState.SENT, _OF_MOTION, _sent_at >= _HOUR)
        - _letters(LetterState.REJECTED, _OF_MOTION, _bounced_at > _SINCE, _sent_at < _HOUR),
        _number(sa.func.count(col(MemberReply.id)), _REPLIED),
        _number(
            sa.func.count(col(MemberReply.id)), _REPLIED, col(MemberReply.recorded_at) > _SINCE
        ),
    )
    .select_from(Campaign)
    .outerjoin(
        CampaignMotion,
        sa.and_(col(CampaignMotion.campaign_id) == Campaign.id, col(CampaignMotion.is_current)),
    )
    .outerjoin(Motion, col(Motion.id) == CampaignMotion.motion_id)
    .outerjoin(ParliamentSession, col(ParliamentSession.id) == Motion.parliament_session_id)
)
_OF_ORGANISATION = _CAMPAIGNS.where(
    col(Campaign.organisation_id) == sa.bindparam("organisation_id")
).order_by(col(Campaign.id).desc())
_OF_CAMPAIGN_ALONE = _CAMPAIGNS.where(col(Campaign.id) == sa.bindparam("campaign_id"))
