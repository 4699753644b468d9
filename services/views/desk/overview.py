"""Where a campaign is: its figures, days, parties, whom to ask next, and what changed last."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from models import Campaign, CampaignStatus, Motion, MotionStatus
from services.common import times
from services.parliament.seat_snapshots import SeatConstituency, SeatMember
from services.parliament_sync import schedules
from services.tallies import histories, seat_table
from services.tallies.histories import DailyHistory
from services.tallies.seat_table import Tally
from services.targets.ask_lists import AskList
from services.targets.desk_reasons import DeskReason
from services.views.desk import by_party, campaign_changes, figures
from services.views.desk.by_party import PartyRow
from services.views.desk.campaign_changes import DayEvent
from services.views.desk.changes import Change
from services.views.desk.figures import CampaignFigures
from services.views.desk.members import asking
from services.views.desk.members.asking import AskFilter

TARGETS, CHANGES, EVENTS = 5, 6, 9
"""How many of each the page shows at most."""


@dataclass(frozen=True, slots=True)
class NextToAsk:
    """One of the first MPs of the list of whom to ask next, with the same reasons."""

    rank: int
    constituency: SeatConstituency
    member: SeatMember
    reasons: tuple[DeskReason, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """What the page shows of a campaign that is no draft.

    `left` counts the MPs who can still be asked, and `gone` those on the motion who hold no seat
    any more. `events` are the last ones within `history`. `targets` are empty for viewers, and
    where nobody can sign.
    """

    shown: CampaignFigures
    tally: Tally
    left: int
    gone: int
    parties: tuple[PartyRow, ...]
    history: DailyHistory
    events: tuple[DayEvent, ...]
    targets: tuple[NextToAsk, ...]
    changes: tuple[Change, ...]
    now: datetime

    @property
    def campaign(self) -> Campaign:
        """The campaign."""
        return self.shown.campaign

    @property
    def motion(self) -> Motion | None:
        """The campaign's motion, if it has one."""
        return self.shown.motion

    @property
    def has_ended(self) -> bool:
        """Returns whether the campaign is over, so that its days end with it."""
        return self.campaign.ended_at is not None

    @property
    def takes_names(self) -> bool:
        """Returns whether MPs can sign the motion."""
        return self.motion is not None and self.motion.status is MotionStatus.PUBLISHED

    @property
    def next_look(self) -> datetime:
        """When Parliament's list is read again after it could not be reached."""
        failed_at = self.motion.sync_failed_at if self.motion else None
        return max(schedules.next_sync(failed_at or self.now), self.now)

    @property
    def doesnt_sign(self) -> int:
        """How many MPs do not sign motions and have not signed this one."""
        return self.tally.seats_filled - self.tally.can_sign


def of_campaign(
    session: Session, campaign: Campaign, *, days: int | None, may_edit: bool, now: datetime
) -> Overview:
    """Returns the overview with the last `days`, or all days, in a fixed number of statements.

    Whom to ask, and what offices told the team, are for those who may edit.
    """
    shown = figures.of_campaign(session, campaign.id, now=now)
    linked = (shown.motion, shown.parliament_session)
    tally = seat_table.of_campaign(session, campaign, now=now, linked=linked)
    history = days_of(session, campaign, days=days, now=now)
    latest, events = campaign_changes.latest(
        session, campaign, now=now, with_answers=may_edit, limit=CHANGES
    )
    within = [event for event in events if history.days[0] <= event.day <= history.days[-1]]
    parties = by_party.of_rows(tally.rows)
    return Overview(
        shown=shown,
        tally=tally,
        left=by_party.left_to_ask(tally.rows),
        gone=tally.signed - sum(row.signed for row in parties),
        parties=parties,
        history=history,
        events=tuple(within[-EVENTS:]),
        targets=_targets(session, campaign, tally, now) if may_edit else (),
        changes=tuple(latest),
        now=now,
    )


def days_of(
    session: Session, campaign: Campaign, *, days: int | None, now: datetime
) -> DailyHistory:
    """Returns the last days, or all of them: until today, or until the campaign ended."""
    last = times.today(campaign.ended_at or now)
    first = last - timedelta(days=days - 1) if days else None
    return histories.by_day(session, campaign, first=first, last=last, now=now)


def _targets(
    session: Session, campaign: Campaign, tally: Tally, now: datetime
) -> tuple[NextToAsk, ...]:
    """Returns the first MPs of the team's list, by what offices told the team too."""
    motion = tally.motion
    is_open = campaign.status is CampaignStatus.OPEN
    if motion is None or motion.status is not MotionStatus.PUBLISHED or not is_open:
        return ()
    found = asking.of_campaign(session, campaign, now=now, tally=tally, counts_recent=False)
    rows = found.shown(AskList.TO_ASK, AskFilter())[:TARGETS]
    return tuple(
        NextToAsk(rank, row.seat.constituency, row.member, found.reasons(row))
        for rank, row in enumerate(rows, start=1)
    )
