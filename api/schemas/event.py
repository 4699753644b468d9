"""Bodies of a campaign's dates."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from api.schemas.days import NearDay, NearMoment
from api.schemas.fields import Answer, Request, rule
from models import CampaignEvent, EventKind
from services.campaigns import entry_texts
from services.common import markdown, urls

Title = Annotated[str, rule(entry_texts.title)]
Text = Annotated[
    str,
    rule(entry_texts.text),
    Field(description="A small Markdown: paragraphs, **bold**, lists and links"),
]
Place = Annotated[str, rule(entry_texts.place)]
Link = Annotated[
    str,
    rule(urls.web_link),
    Field(description="An http or https address", max_length=urls.LONGEST_LINK),
]


class NewEvent(Request):
    """A date of a campaign, with either a `day` or a moment, `starts_at`."""

    kind: EventKind
    title: Title
    text: Text = ""
    place: Place = ""
    link: Link | None = None
    day: NearDay | None = None
    starts_at: NearMoment | None = None


class EventChange(Request):
    """The fields to change. Others stay as they are.

    A `day` replaces a moment, and a moment a day. `null` removes the link.
    """

    kind: EventKind | None = None
    title: Title | None = None
    text: Text | None = None
    place: Place | None = None
    link: Link | None = None
    day: NearDay | None = None
    starts_at: NearMoment | None = None


class EventAnswer(Answer):
    """A date of a campaign. `day` is in London. `starts_at` is null where only the day is known.

    `text` is the source, and `html` is safe to show.
    """

    id: UUID
    kind: EventKind
    title: str
    text: str
    html: str
    place: str
    link: str | None
    day: date
    starts_at: datetime | None
    created_at: datetime
    updated_at: datetime


def event_answer(event: CampaignEvent) -> EventAnswer:
    """Converts a date of a campaign."""
    stored = event.model_dump(exclude={"campaign_id"})
    return EventAnswer(**stored, html=markdown.html(event.text))
