"""Events of a campaign's tally, as pages of JSON and as an Atom feed."""

from uuid import uuid5

from fastapi import Request, Response

from api.answers.caching import cacheable_bytes
from api.http import atom
from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from api.http.late_routes import Router
from api.http.paging import ThePage
from api.http.query_names import KNOWN_NAMES
from api.schemas.tally_event import TallyEventAnswer, event_answer, event_words
from models import Campaign, Organisation
from services.campaigns import campaigns
from services.tallies import tally_events
from services.tallies.tally_events import TallyEvent

IN_FEED = 50
router = Router(tags=["tallies"])


@router.get("/campaigns/{slug}/tally/events", dependencies=[KNOWN_NAMES])
def list_events(
    slug: Slug,
    request: Request,
    response: Response,
    page: ThePage,
    session: ReadSession,
    now: Now,
) -> list[TallyEventAnswer]:
    """List events of a campaign's motions, present and past, and organisers' notes about members.

    The event seen last is first. `Link` leads to the next page.
    """
    campaign = campaigns.public(session, slug)
    events = tally_events.page(session, campaign, after=page.after, limit=page.limit + 1, now=now)
    page.link_next(request, response, [event.id for event in events])
    return [event_answer(event) for event in events[: page.limit]]


@router.get(
    "/campaigns/{slug}/tally/events.atom",
    response_class=Response,
    responses={200: {"content": {atom.MEDIA_TYPE: {"schema": {"type": "string"}}}}},
)
def read_feed(
    slug: Slug, request: Request, session: ReadSession, now: Now, lobby: TheLobby
) -> Response:
    """Read the newest 50 events of a campaign's tally as Atom (RFC 4287)."""
    campaign = campaigns.public(session, slug)
    organisation = campaigns.organisations_of(session, [campaign])[campaign.organisation_id]
    events = tally_events.page(session, campaign, after=None, limit=IN_FEED, now=now)
    content = atom.atom(_feed(campaign, organisation, events, lobby.settings.base_url))
    return cacheable_bytes(request, content, etag_source=content, media_type=atom.MEDIA_TYPE)


def _feed(
    campaign: Campaign, organisation: Organisation, events: list[TallyEvent], base_url: str
) -> atom.Feed:
    page = f"{base_url}/campaigns/{campaign.slug}/mps"
    return atom.Feed(
        id=uuid5(campaign.id, "tally events"),
        title=f"Who has signed: {campaign.title}",
        author=organisation.name,
        updated=events[0].seen_at if events else campaign.created_at,
        address=f"{base_url}/v1/campaigns/{campaign.slug}/tally/events.atom",
        page=page,
        entries=[_entry(event, page) for event in events],
    )


def _entry(event: TallyEvent, page: str) -> atom.FeedEntry:
    words = event_words(event)
    day = f"{event.happened_on.day} {event.happened_on:%B %Y}"
    return atom.FeedEntry(
        id=event.id,
        title=words,
        summary=f"{words}, on {day}.",
        updated=event.seen_at,
        page=page,
        related=event.link,
    )
