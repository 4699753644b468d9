"""The frame of the campaign builder: seven steps, what is missing, and the way to the next step."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from fastapi import Query, Response
from sqlmodel import Session

from models import Campaign, CampaignStatus
from services.building import readiness
from services.building.readiness import Part, Readiness
from web.base.desk import Desk
from web.base.rendering import see_other
from web.organisers.builder.point_words import WORDS, PointWords


class Step(StrEnum):
    """The steps in their order; the value is the last part of the address."""

    CAMPAIGN = "campaign"
    PETITION = "petition"
    MOTION = "motion"
    LETTERS = "letters"
    PARTNERS = "partners"
    LOOK = "look"
    OPEN = "open"


class StepState(StrEnum):
    """The state of a step; the value names its class in the style sheet."""

    DONE = "done"
    MISSING = "missing"
    ADVISED = "advised"
    NOT_READY = "todo"


STATE_WORDS = {
    StepState.DONE: "done",
    StepState.MISSING: "something missing",
    StepState.ADVISED: "something advised",
    StepState.NOT_READY: "not ready",
}
ICONS = {
    StepState.DONE: "done",
    StepState.MISSING: "alert",
    StepState.ADVISED: "todo",
    StepState.NOT_READY: "todo",
}
STATUSES = {
    CampaignStatus.DRAFT: "Draft",
    CampaignStatus.OPEN: "Open",
    CampaignStatus.CLOSED: "Closed",
    CampaignStatus.WON: "Won",
    CampaignStatus.LOST: "Not won",
}
NOTICES = {
    "saved": "Saved.",
    "added": "Your draft is saved. Only your team can see it.",
    "removed": "Removed.",
    "opened": "It’s open. Everybody can see it now.",
    "closed": "It’s closed.",
    "paused": "Letters are paused. They wait here until you start them again.",
    "resumed": "Letters are being sent again.",
    "motion-chosen": "The motion is chosen. Now say what it asks for.",
    "motion-removed": "The motion is removed from the campaign.",
    "no-motion": "Saved: this campaign has no motion.",
    "letters-copied": "The built-in letters are yours now. Change them as you like.",
    "letters-moved": "The order is saved.",
    "letter-removed": "The letter is removed.",
    "letters-built-in": "The letter is removed. The campaign uses the built-in letters again.",
}
"""What a step says after a redirect, by the value of `?done=`."""

Done = Annotated[str, Query(max_length=20)]
_ORDER = tuple(Step)


@dataclass(frozen=True, slots=True)
class StepLink:
    """A step in the row of steps."""

    step: Step
    path: str
    state: StepState
    is_current: bool

    @property
    def title(self) -> str:
        """The name of the step."""
        return self.step.capitalize()

    @property
    def words(self) -> str:
        """The state in words, for people who don't see the sign."""
        return STATE_WORDS[self.state]

    @property
    def icon(self) -> str:
        """The sign of the state."""
        return ICONS[self.state]


@dataclass(frozen=True, slots=True)
class Listed:
    """A part in the list 'Before it opens'."""

    part: Part
    words: PointWords
    path: str


@dataclass(frozen=True, slots=True)
class Builder:
    """What the frame shows around a step."""

    campaign: Campaign
    step: Step
    readiness: Readiness
    saved_at: datetime
    now: datetime

    @property
    def path(self) -> str:
        """The address of the step."""
        return path_of(self.campaign.slug, self.step)

    @property
    def status(self) -> str:
        """The campaign's status in a word."""
        return STATUSES[self.campaign.status]

    @property
    def is_draft(self) -> bool:
        """Returns whether the public can't see the campaign yet."""
        return self.campaign.status is CampaignStatus.DRAFT

    @property
    def steps(self) -> list[StepLink]:
        """The row of steps."""
        slug = self.campaign.slug
        return [
            StepLink(step, path_of(slug, step), self._state_of(step), step is self.step)
            for step in _ORDER
        ]

    @property
    def following(self) -> StepLink | None:
        """The next step; None after the last one."""
        place = _ORDER.index(self.step) + 1
        return self.steps[place] if place < len(_ORDER) else None

    @property
    def missing(self) -> list[Listed]:
        """What must be done before it opens."""
        return self._listed(self.readiness.missing)

    @property
    def advised(self) -> list[Listed]:
        """What it does better with."""
        return self._listed(self.readiness.advised)

    @property
    def done(self) -> list[Listed]:
        """What is there."""
        return self._listed(self.readiness.done)

    def _listed(self, parts: tuple[Part, ...]) -> list[Listed]:
        return [Listed(part, WORDS[part], WORDS[part].address(self.campaign)) for part in parts]

    def _state_of(self, step: Step) -> StepState:
        if step is Step.OPEN:
            is_ready = not self.readiness.missing
            return StepState.DONE if not self.is_draft or is_ready else StepState.NOT_READY
        if any(WORDS[part].step == step for part in self.readiness.missing):
            return StepState.MISSING
        if any(WORDS[part].step == step for part in self.readiness.advised):
            return StepState.ADVISED
        return StepState.DONE


def path_of(slug: str, step: Step) -> str:
    """Returns the address of a step."""
    return f"/organiser/campaigns/{slug}/edit/{step}"


def to_next(slug: str, step: Step) -> Response:
    """Redirects to the step after this one, and says there that all is saved."""
    following = _ORDER[min(_ORDER.index(step) + 1, len(_ORDER) - 1)]
    return see_other(f"{path_of(slug, following)}?done=saved")


def show(
    desk: Desk,
    session: Session,
    campaign: Campaign,
    step: Step,
    template: str,
    *,
    now: datetime,
    status: int = 200,
    saved_at: datetime | None = None,
    done: str = "",
    **values: Any,
) -> Response:
    """Renders a step: a template that extends `organisers/builder/step.html`.

    `saved_at` is when its values were saved last, where that is not the campaign's own time.
    `done` is a key of `NOTICES`: what to say at the top.
    """
    found = readiness.of_campaign(session, campaign, now=now)
    builder = Builder(campaign, step, found, saved_at or campaign.updated_at, now)
    return desk.page(
        template,
        status=status,
        builder=builder,
        campaign=campaign,
        notice=NOTICES.get(done),
        **values,
    )
