"""A campaign's timeline: its news and its dates in one list."""

import textwrap
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from sqlmodel import Session

from models import Campaign, CampaignEvent, CampaignUpdate
from services.campaigns import campaigns, events
from services.common import markdown, times

SHOWN = 5
"""How many past entries a campaign's page shows."""
EXCERPT = 400
"""News with more characters is shortened in lists. All of it is on its own page."""
Kind = Literal["news", "debate", "delivery", "vote", "other"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A news item or a date. `when` is a moment, or a day where only that is known.

    `body` is in the small Markdown of `services.common.markdown`. `address` is the path of the news
    on our site, and `link` a page elsewhere.
    """

    kind: Kind
    title: str
    when: datetime | date
    body: str
    address: str | None = None
    place: str = ""
    link: str | None = None

    @property
    def day(self) -> date:
        """The day in London."""
        return times.today(self.when) if isinstance(self.when, datetime) else self.when

    @property
    def machine_readable(self) -> str:
        """`when` in ISO 8601, for the attribute of a `time` element."""
        return self.when.isoformat()

    @property
    def html(self) -> str:
        """The body as safe HTML."""
        return markdown.html(self.body)

    @property
    def text(self) -> str:
        """The body as plain text."""
        return markdown.plain(self.body)

    @property
    def excerpt(self) -> str | None:
        """The first paragraph of long news, for lists; None where a list shows all of it."""
        text = self.text
        if self.address is None or len(text) <= EXCERPT:
            return None
        return textwrap.shorten(text.partition("\n\n")[0], EXCERPT, placeholder=" …")


@dataclass(frozen=True, slots=True)
class Timeline:
    """Coming dates in order of day, and what is past, newest first."""

    coming: tuple[Entry, ...]
    past: tuple[Entry, ...]

    @property
    def is_empty(self) -> bool:
        """Returns whether there is nothing to show."""
        return not self.coming and not self.past

    @property
    def latest(self) -> tuple[Entry, ...]:
        """The past entries that a campaign's page shows."""
        return self.past[:SHOWN]

    @property
    def has_more(self) -> bool:
        """Returns whether a campaign's page leaves out some of the past."""
        return len(self.past) > SHOWN


def of_campaign(session: Session, campaign: Campaign, *, now: datetime) -> Timeline:
    """Returns the published news and all dates of a campaign.

    A date is coming until its day in London is over, since nobody says how long a debate takes.
    """
    today = times.today(now)
    dates = [_of_event(event) for event in events.of_campaign(session, campaign)]
    news = [
        of_update(campaign, update)
        for update in campaigns.updates_of(session, campaign.id, now=now)
    ]
    past = [*news, *reversed([entry for entry in dates if entry.day < today])]
    return Timeline(
        coming=tuple(entry for entry in dates if entry.day >= today),
        past=tuple(sorted(past, key=_order, reverse=True)),
    )


def of_update(campaign: Campaign, update: CampaignUpdate) -> Entry:
    """Returns the entry of a news item."""
    return Entry(
        kind="news",
        title=update.title,
        when=update.published_at,
        body=update.body,
        address=f"/campaigns/{campaign.slug}/updates/{update.slug}",
    )


def _of_event(event: CampaignEvent) -> Entry:
    return Entry(
        kind=event.kind.value,
        title=event.title,
        when=event.starts_at or event.day,
        body=event.text,
        place=event.place,
        link=event.link,
    )


def _order(entry: Entry) -> tuple[date, bool, str]:
    """Sorts a day before its moments: news about a date is above the date."""
    is_moment = isinstance(entry.when, datetime)
    return entry.day, is_moment, entry.machine_readable if is_moment else ""
