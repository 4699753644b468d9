"""Bodies of organisers' notes about members."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from api.schemas.days import Day
from api.schemas.fields import Answer, Request, Slug, line, rule
from models import OverrideKind
from services.common import urls
from services.parliament.member_overrides import NewOverride, OverrideView

_KEPT_BACK = {"organisation_id", "campaign_id", "organiser_id", "api_key_id"}
Link = Annotated[str, rule(urls.web_link)]


class NewOverrideBody(Request):
    """A note about a member. Without `starts_on`, it holds from today.

    `campaign` is the slug of the campaign that `says_will_sign` and `says_will_not` are about.
    Other kinds of notes have none.
    """

    kind: OverrideKind
    campaign: Slug | None = None
    reason: Annotated[str, line(500)]
    link: Link
    starts_on: Day | None = None
    ends_on: Day | None = None

    def as_new(self) -> NewOverride:
        return NewOverride(**self.model_dump(exclude={"campaign"}))


class OverrideEnd(Request):
    """The first day on which the note no longer holds."""

    ends_on: Day


class OverrideAnswer(Answer):
    """A note of the key's organisation. `is_in_force`: it holds today."""

    id: UUID
    member_id: int
    kind: OverrideKind
    campaign: str | None
    reason: str
    link: str
    starts_on: date
    ends_on: date | None
    is_in_force: bool
    recorded_at: datetime
    ended_at: datetime | None


def override_answer(view: OverrideView) -> OverrideAnswer:
    """Converts the view of a note."""
    return OverrideAnswer(
        **view.override.model_dump(exclude=_KEPT_BACK),
        campaign=view.campaign_slug,
        is_in_force=view.is_in_force,
    )
