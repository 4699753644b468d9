"""What needs somebody today: derived from rows, so that it goes with its cause."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from models import Campaign, CampaignStatus, MotionStatus, Organisation, Organiser, Role
from services.building.readiness import Readiness
from services.common import times
from services.views.desk.facts import Facts
from services.views.desk.figures import CampaignFigures
from services.views.desk.offices import FailingOffices
from services.views.desk.petitions import DeskPetition

OUTCOME_AFTER = timedelta(days=30)
"""How long after its motion or its last petition a campaign should have an outcome."""


class TaskKind(StrEnum):
    """The kinds of tasks, in the order in which they are shown."""

    LETTERS_UNCERTAIN = "letters_uncertain"
    WEBHOOKS_STOPPED = "webhooks_stopped"
    MOTION_ENDED = "motion_ended"
    SECOND_STEP = "second_step"
    RING_BACK = "ring_back"
    OFFICES_FAIL = "offices_fail"
    NOTICE = "notice"
    CONTACT = "contact"
    DRAFT = "draft"
    PURPOSE = "purpose"
    OUTCOME = "outcome"
    ONLY_OWNER = "only_owner"


_FOR_OWNERS = frozenset({TaskKind.WEBHOOKS_STOPPED, TaskKind.OUTCOME, TaskKind.ONLY_OWNER})
_URGENT = frozenset({TaskKind.LETTERS_UNCERTAIN, TaskKind.WEBHOOKS_STOPPED, TaskKind.MOTION_ENDED})
_ENDED = (CampaignStatus.WON, CampaignStatus.LOST)


@dataclass(frozen=True, slots=True)
class Task:
    """Something to do. `subject_id` is that of the campaign, the organisation or the organiser.

    `letters`, `offices` and `webhooks` are counts. `day` is that on which the motion ended, or on
    which a second step is required.
    """

    kind: TaskKind
    subject_id: UUID
    campaign: Campaign | None = None
    readiness: Readiness | None = None
    letters: int = 0
    offices: int = 0
    webhooks: int = 0
    day: date | None = None

    @property
    def is_urgent(self) -> bool:
        """Returns whether something has stopped, or may be lost."""
        return self.kind in _URGENT

    @property
    def key(self) -> tuple[str, UUID]:
        """Returns what a postponement names."""
        return (self.kind.value, self.subject_id)


@dataclass(frozen=True, slots=True)
class Sources:
    """What tasks are derived from."""

    organiser: Organiser
    organisation: Organisation
    campaigns: Sequence[CampaignFigures]
    petitions: Sequence[DeskPetition]
    drafts: Mapping[UUID, Readiness]
    offices: Mapping[UUID, FailingOffices]
    facts: Facts


def of_organiser(sources: Sources, *, now: datetime) -> list[Task]:
    """Returns the tasks that the organiser's role allows them to do; viewers have none."""
    role = sources.organiser.role
    if role is Role.VIEWER:
        return []
    found = [*_of_organisation(sources, now), *_of_campaigns(sources, now)]
    order = list(TaskKind)
    return sorted(
        (task for task in found if role is Role.OWNER or task.kind not in _FOR_OWNERS),
        key=lambda task: order.index(task.kind),
    )


def _of_organisation(sources: Sources, now: datetime) -> Iterator[Task]:
    organiser, organisation, facts = sources.organiser, sources.organisation, sources.facts
    if facts.stopped_webhooks:
        yield Task(TaskKind.WEBHOOKS_STOPPED, organisation.id, webhooks=facts.stopped_webhooks)
    if not facts.has_second_step and not organisation.is_demonstration:
        due = organiser.second_step_due_at
        day = times.today(due) if due and due > now else None
        yield Task(TaskKind.SECOND_STEP, organiser.id, day=day)
    if not facts.has_notice:
        yield Task(TaskKind.NOTICE, organisation.id)
    if not organisation.contact_email:
        yield Task(TaskKind.CONTACT, organisation.id)
    if facts.owners == 1:
        yield Task(TaskKind.ONLY_OWNER, organisation.id)


def _of_campaigns(sources: Sources, now: datetime) -> Iterator[Task]:
    for each in sources.campaigns:
        campaign = each.campaign
        if each.letters.uncertain:
            yield Task(
                TaskKind.LETTERS_UNCERTAIN,
                campaign.id,
                campaign,
                letters=each.letters.uncertain,
            )
        if each.is_open and each.offices_to_ring:
            yield Task(TaskKind.RING_BACK, campaign.id, campaign, offices=each.offices_to_ring)
        if failing := sources.offices.get(campaign.id):
            yield Task(
                TaskKind.OFFICES_FAIL,
                campaign.id,
                campaign,
                letters=failing.letters,
                offices=failing.offices,
            )
        if each.is_draft:
            yield Task(TaskKind.DRAFT, campaign.id, campaign, readiness=sources.drafts[campaign.id])
        if each.is_open and each.motion and not campaign.purpose:
            yield Task(TaskKind.PURPOSE, campaign.id, campaign)
        yield from _of_ends(sources, each, now)


def _of_ends(sources: Sources, each: CampaignFigures, now: datetime) -> Iterator[Task]:
    """Yields what is to be done where the motion has ended or the campaign seems to be over."""
    campaign = each.campaign
    if _lacks_outcome(sources, each, now):
        yield Task(TaskKind.OUTCOME, campaign.id, campaign)
    elif each.is_open and _has_ended(each):
        yield Task(TaskKind.MOTION_ENDED, campaign.id, campaign, day=each.motion_ended_on)


def _has_ended(each: CampaignFigures) -> bool:
    return each.motion is not None and each.motion.status is not MotionStatus.PUBLISHED


def _lacks_outcome(sources: Sources, each: CampaignFigures, now: datetime) -> bool:
    campaign, long_ago = each.campaign, now - OUTCOME_AFTER
    if each.is_draft or campaign.status in _ENDED or campaign.outcome:
        return False
    if campaign.status is CampaignStatus.CLOSED:
        return campaign.updated_at < long_ago
    if _has_ended(each) and each.motion_ended_on is not None:
        return each.motion_ended_on < times.today(long_ago)
    return _all_closed_by(sources.petitions, campaign.id, long_ago)


def _all_closed_by(petitions: Sequence[DeskPetition], campaign_id: UUID, moment: datetime) -> bool:
    """Returns whether a campaign has petitions and all of them had closed by a moment."""
    own = [item for item in petitions if item.petition.campaign_id == campaign_id]
    shown = [item for item in own if not item.is_draft]
    ends = [item.petition.closes_at or item.petition.updated_at for item in shown]
    is_over = not any(item.is_open for item in shown)
    return bool(shown) and is_over and max(ends) < moment
