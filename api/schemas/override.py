"""What organisers note about members."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from api.schemas.days import Day
from api.schemas.fields import Answer, Request, Slug, line, rule
from models import OverrideKind
from services.common import urls
from services.parliament.member_overrides import NewOverride, OverrideView

Link = Annotated[str, rule(urls.web_link)]


class NewOverrideBody(Request):
    """A note on a member. `campaign` is the slug that `says_will_sign` and `says_will_not` are
    about, and is left out otherwise. Without `starts_on` it holds from today."""

    kind: OverrideKind
    campaign: Slug | None = None
    reason: Annotated[str, line(500)]
    link: Link
    starts_on: Day | None = None
    ends_on: Day | None = None

    def as_new(self) -> NewOverride:
        """As the services take it."""
        return NewOverride(**self.model_dump(exclude={"campaign"}))


class OverrideEnd(Request):
    """The first day on which it holds no more."""

    ends_on: Day


class OverrideAnswer(Answer):
    """A note of the key's own organisation. `is_in_force`: it holds today."""

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
    """From the view of an override."""
    return OverrideAnswer(
        **view.override.model_dump(exclude={"organisation_id", "campaign_id"}),
        campaign=view.campaign_slug,
        is_in_force=view.is_in_force,
    )
