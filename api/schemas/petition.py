"""Bodies of petitions."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from api.schemas.fields import Answer, EitherName, Line100, Line200, Slug, Text
from models import PetitionState
from services.views.campaign_views import PetitionView

Goal = Annotated[int, Field(gt=0, le=1_000_000_000)]


class NewPetition(EitherName):
    """A new petition of a campaign."""

    slug: Slug
    action: Line200
    background: Text = ""
    addressed_to: Line200
    goal: Goal | None = None
    closes_at: AwareDatetime | None = None
    state: PetitionState = PetitionState.OPEN


class PetitionChange(EitherName):
    """The fields to change. Others stay as they are."""

    action: Line200 | None = None
    background: Text | None = None
    addressed_to: Line100 | None = None
    goal: Goal | None = None
    closes_at: AwareDatetime | None = None
    state: PetitionState | None = None


class PetitionAnswer(Answer):
    """A petition with its number of confirmed signatures.

    `is_open` depends on its state, its closing time and its campaign. `goal` is the one that pages
    show: the goal that was set until it is reached, and else the next step (100, 250, 500, 1,000
    and so on).
    """

    id: UUID
    number: int
    slug: str
    campaign: str
    action: str
    background: str
    addressed_to: str
    state: PetitionState
    is_open: bool
    signature_count: int
    goal: int
    closes_at: datetime | None
    created_at: datetime


def petition_answer(view: PetitionView) -> PetitionAnswer:
    """Converts the view of a petition."""
    shown = set(PetitionAnswer.model_fields) - {"goal"}
    return PetitionAnswer(
        **view.petition.model_dump(include=shown),
        goal=view.goal,
        campaign=view.campaign_slug,
        is_open=view.is_open,
        signature_count=view.signature_count,
    )
