"""A campaign's news as Atom and its dates as iCalendar, for feed readers and calendars."""

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid5

from fastapi import Request, Response

from api.answers.caching import cacheable_bytes
from api.http import atom
from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from api.http.late_routes import Router
from models import Campaign, CampaignUpdate, Organisation
from services.campaigns import campaign_dates, campaigns
from services.campaigns.campaign_dates import CampaignDate

if TYPE_CHECKING:
    from icalendar import Event
from services.common import markdown

IN_FEED = 50
CALENDAR = "text/calendar"
router = Router(tags=["campaigns"])


def _described(media_type: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {media_type: {"schema": {"type": "string"}}}}}


@router.get(
    "/campaigns/{slug}/news.atom",
    response_class=Response,
    responses=_described(atom.MEDIA_TYPE),
)
def read_news(
    slug: Slug, request: Request, session: ReadSession, now: Now, lobby: TheLobby
) -> Response:
    """Read the newest 50 news items of a campaign as Atom (RFC 4287)."""
    campaign = campaigns.public(session, slug)
    organisation = campaigns.organisations_of(session, [campaign])[campaign.organisation_id]
    news = campaigns.updates_of(session, campaign.id, now=now)[:IN_FEED]
    content = atom.atom(_feed(campaign, organisation, news, lobby.settings.base_url))
    return cacheable_bytes(request, content, etag_source=content, media_type=atom.MEDIA_TYPE)


@router.get("/campaigns/{slug}/events.ics", response_class=Response, responses=_described(CALENDAR))
def read_dates(slug: Slug, request: Request, session: ReadSession, lobby: TheLobby) -> Response:
    """Read a campaign's dates, when its petitions close and its motions fall, as iCalendar.

    The format is RFC 5545. A date that moves keeps its UID. Motions fall at the end of their
    session of Parliament, which is often announced only shortly before.
    """
    campaign = campaigns.public(session, slug)
    dates = campaign_dates.of_campaign(session, campaign)
    content = _calendar(campaign, dates, lobby.settings.base_url)
    return cacheable_bytes(
        request, content, etag_source=content, media_type=f"{CALENDAR}; charset=utf-8"
    )


def _feed(
    campaign: Campaign, organisation: Organisation, news: list[CampaignUpdate], base_url: str
) -> atom.Feed:
    page = f"{base_url}/campaigns/{campaign.slug}"
    return atom.Feed(
        id=uuid5(campaign.id, "news"),
        title=f"News: {campaign.title}",
        author=organisation.name,
        updated=max(map(_changed, news), default=campaign.created_at),
        address=f"{base_url}/v1/campaigns/{campaign.slug}/news.atom",
        page=page,
        entries=[
            atom.FeedEntry(
                id=update.id,
                title=update.title,
                summary=markdown.plain(update.body),
                content=markdown.html(update.body),
                published=update.published_at,
                updated=_changed(update),
                page=f"{page}/updates/{update.slug}",
            )
            for update in news
        ],
    )


def _changed(update: CampaignUpdate) -> datetime:
    """Returns when readers could last see a change. Scheduled news is written before."""
    return max(update.updated_at, update.published_at)


def _calendar(campaign: Campaign, dates: list[CampaignDate], base_url: str) -> bytes:
    from icalendar import Calendar  # noqa: PLC0415 - 3 MB for a calendar that few read

    calendar = Calendar()
    calendar.add("prodid", "-//Central Lobby//EN")
    calendar.add("version", "2.0")
    calendar.add("name", campaign.title)  # RFC 7986; older clients read the next line
    calendar.add("x-wr-calname", campaign.title)
    calendar.add("refresh-interval", timedelta(hours=12), parameters={"value": "DURATION"})
    for item in dates:
        calendar.add_component(_event(item, campaign, base_url))
    content: bytes = calendar.to_ical()
    return content


def _event(item: CampaignDate, campaign: Campaign, base_url: str) -> "Event":
    from icalendar import Event  # noqa: PLC0415 - as in `_calendar`

    page = f"petitions/{item.petition}" if item.petition else f"campaigns/{campaign.slug}"
    event = Event()
    event.add("uid", str(item.id))
    event.add("dtstamp", item.changed)
    event.add("last-modified", item.changed)
    event.add("dtstart", item.when)
    if _is_day(item.when):
        event.add("dtend", item.when + timedelta(days=1))
    event.add("summary", item.title)
    event.add("description", item.text)
    if item.kind:
        event.add("categories", [item.kind.value.upper()])
    if item.place:
        event.add("location", item.place)
    event.add("url", item.link or f"{base_url}/{page}")
    event.add("transp", "TRANSPARENT")  # it does not show as busy
    return event


def _is_day(when: datetime | date) -> bool:
    return not isinstance(when, datetime)
