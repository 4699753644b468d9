"""Bodies of a campaign's news."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from api.schemas.days import NearMoment
from api.schemas.fields import Answer, Request, rule
from models import Campaign, CampaignUpdate
from services.campaigns import entry_texts
from services.common import markdown

Title = Annotated[str, rule(entry_texts.title)]
Body = Annotated[
    str,
    rule(entry_texts.news),
    Field(description="A small Markdown: paragraphs, **bold**, lists and links"),
]


class NewUpdate(Request):
    """News of a campaign. Without `published_at` it is published now; later, it is scheduled."""

    title: Title
    body: Body
    published_at: NearMoment | None = None


class UpdateChange(Request):
    """The fields to change. Others stay as they are. The address stays when the title changes."""

    title: Title | None = None
    body: Body | None = None
    published_at: NearMoment | None = None


class UpdateAnswer(Answer):
    """A news item of a campaign. `body` is the source, `html` is safe to show, `address` its page.

    Its page answers 404 before `published_at`.
    """

    id: UUID
    slug: str
    address: str
    title: str
    body: str
    html: str
    published_at: datetime
    updated_at: datetime


def update_answer(campaign: Campaign, update: CampaignUpdate, base_url: str) -> UpdateAnswer:
    """Converts a news item of a campaign."""
    stored = update.model_dump(
        include={"id", "slug", "title", "body", "published_at", "updated_at"}
    )
    return UpdateAnswer(
        **stored,
        address=f"{base_url}/campaigns/{campaign.slug}/updates/{update.slug}",
        html=markdown.html(update.body),
    )
