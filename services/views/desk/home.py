"""The home of the desk: everything on it, in a fixed number of statements."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from models import Keyring, Motion, MotionStatus, Organisation, Organiser, Role
from services.accounts import postponements
from services.building import readiness
from services.building.readiness import Readiness
from services.parliament_sync import freshness
from services.parliament_sync.freshness import Freshness
from services.views.desk import changes, facts, figures, offices, petitions, tasks
from services.views.desk.changes import Change
from services.views.desk.facts import Facts
from services.views.desk.figures import A_DAY, CampaignFigures, Figures
from services.views.desk.petitions import DeskPetition
from services.views.desk.tasks import Sources, Task


@dataclass(frozen=True, slots=True)
class CampaignCard:
    """A campaign with its petitions; a draft with what it has and lacks."""

    shown: CampaignFigures
    petitions: tuple[DeskPetition, ...]
    readiness: Readiness | None


@dataclass(frozen=True, slots=True)
class Home:
    """What the home shows. `figures` are the sums over the open campaigns.

    `motions` and `open_petitions` count what the sums are about: with more than one, a person or
    an MP can be in a sum twice. `put_off` counts the tasks that wait until tomorrow.
    """

    facts: Facts
    figures: Figures
    motions: int
    open_petitions: int
    tasks: list[Task]
    put_off: int
    changes: list[Change]
    since: datetime
    now: datetime
    cards: list[CampaignCard]
    parliament: tuple[Freshness, ...]

    @property
    def is_since_visit(self) -> bool:
        """Returns whether the changes go back to the organiser's last visit, over a day ago."""
        return self.since < self.now - A_DAY

    @property
    def checked_at(self) -> datetime | None:
        """The time of the oldest names shown; None if no open campaign has a motion to follow."""
        times = [motion.synced_at for motion in self._followed if motion.synced_at]
        return min(times, default=None)

    @property
    def sync_failed_at(self) -> datetime | None:
        """When we last failed to read such a motion, if no later look succeeded."""
        times = [motion.sync_failed_at for motion in self._followed if motion.sync_failed_at]
        return max(times, default=None)

    @property
    def _followed(self) -> list[Motion]:
        motions = [card.shown.motion for card in self.cards if card.shown.is_open]
        return [each for each in motions if each and each.status is MotionStatus.PUBLISHED]

    @property
    def open_campaigns(self) -> int:
        """Returns how many campaigns are open."""
        return sum(card.shown.is_open for card in self.cards)


def of_organiser(
    session: Session,
    organiser: Organiser,
    organisation: Organisation,
    *,
    session_id: UUID,
    keyring: Keyring,
    now: datetime,
) -> Home:
    """Returns the home of an organiser. `session_id` is that of the browser's session."""
    shown = figures.of_organisation(session, organisation.id, now=now)
    own_petitions = petitions.of_organisation(session, organisation.id, now=now)
    known = facts.of_organiser(session, organiser, session_id=session_id, now=now)
    drafts = [each.campaign for each in shown if each.is_draft]
    drafted = readiness.of_campaigns(session, drafts, now=now)
    sources = Sources(
        organiser,
        organisation,
        shown,
        own_petitions,
        drafted,
        offices.by_campaign(session, organisation.id, keyring=keyring),
        known,
    )
    found = tasks.of_organiser(sources, now=now)
    later = postponements.in_force(session, organiser.id, now=now)
    since = changes.begins(known.previous_visit, now=now)
    opened = [each for each in shown if each.is_open]
    open_ids = {each.campaign.id for each in opened}
    return Home(
        facts=known,
        figures=figures.total(opened),
        motions=sum(each.motion is not None for each in opened),
        open_petitions=sum(item.petition.campaign_id in open_ids for item in own_petitions),
        tasks=[task for task in found if task.key not in later],
        put_off=sum(task.key in later for task in found),
        changes=changes.of_organisation(
            session,
            organisation.id,
            shown,
            own_petitions,
            since=since,
            now=now,
            with_accounts=organiser.role is Role.OWNER,
        ),
        since=since,
        now=now,
        cards=sorted((_card(each, own_petitions, drafted) for each in shown), key=_rank),
        parliament=freshness.of_parliament(session, now=now),
    )


def _card(
    each: CampaignFigures, own_petitions: list[DeskPetition], drafted: dict[UUID, Readiness]
) -> CampaignCard:
    campaign_id = each.campaign.id
    return CampaignCard(
        shown=each,
        petitions=tuple(item for item in own_petitions if item.petition.campaign_id == campaign_id),
        readiness=drafted.get(campaign_id),
    )


def _rank(card: CampaignCard) -> int:
    """Sorts open campaigns before drafts, and those that have ended last."""
    return 0 if card.shown.is_open else 1 if card.shown.is_draft else 2
