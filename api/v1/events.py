"""A campaign's dates: reading them, and writing them with a key."""

from uuid import UUID

from fastapi import Request, Response
from sqlmodel import Session

from api.http.dependencies import Anyone, CampaignsWriter, Now, ReadSession, Slug, WriteSession
from api.http.idempotency import Once, once_responses
from api.http.late_routes import Router
from api.http.paging import ThePage
from api.http.query_names import KNOWN_NAMES
from api.schemas.event import EventAnswer, EventChange, NewEvent, event_answer
from api.v1.campaigns import changes
from services.campaigns import campaigns, events

router = Router(tags=["campaigns"])
CLEARED_BY_NULL = {"link"}


@router.get("/campaigns/{slug}/events", dependencies=[KNOWN_NAMES])
def list_events(
    slug: Slug,
    request: Request,
    response: Response,
    page: ThePage,
    caller: Anyone,
    session: ReadSession,
) -> list[EventAnswer]:
    """List a campaign's dates, the last added first. `Link` leads to the next page.

    With a key, you can also read those of your organisation's drafts.
    """
    campaign = campaigns.public(session, slug, viewer=caller.viewer if caller else None)
    rows = events.page(session, campaign, after=page.after, limit=page.limit + 1)
    page.link_next(request, response, [event.id for event in rows])
    return [event_answer(event) for event in rows[: page.limit]]


@router.get("/campaigns/{slug}/events/{event_id}")
def read_event(slug: Slug, event_id: UUID, caller: Anyone, session: ReadSession) -> EventAnswer:
    """Read a date of a campaign.

    With a key, you can also read those of your organisation's drafts.
    """
    campaign = campaigns.public(session, slug, viewer=caller.viewer if caller else None)
    return event_answer(events.get(session, campaign, event_id))


@router.post(
    "/campaigns/{slug}/events",
    status_code=201,
    response_model=EventAnswer,
    responses=once_responses(has_location=True),
)
def create_event(
    slug: Slug, body: NewEvent, caller: CampaignsWriter, once: Once, now: Now
) -> Response:
    """Add a date to a campaign, with either a `day` or a moment, `starts_at`.

    Needs a key with `campaigns:write`. Another organisation's campaign is a 404.
    """

    def create(session: Session) -> EventAnswer:
        campaign = campaigns.own(session, slug, organisation_id=caller.organisation_id)
        return event_answer(events.add(session, campaign, values=body.model_dump(), now=now))

    return once.answer(create, location=f"/v1/campaigns/{slug}/events/{{id}}")


@router.patch("/campaigns/{slug}/events/{event_id}")
def change_event(
    slug: Slug,
    event_id: UUID,
    body: EventChange,
    caller: CampaignsWriter,
    session: WriteSession,
    now: Now,
) -> EventAnswer:
    """Change the given fields of a date. A `day` replaces a moment, and a moment a day.

    Needs a key with `campaigns:write`. Another organisation's campaign is a 404.
    """
    values = changes(body, keep=CLEARED_BY_NULL)
    campaign = campaigns.own(session, slug, organisation_id=caller.organisation_id)
    event = events.get(session, campaign, event_id)
    return event_answer(events.change(session, event, values=values, now=now))


@router.delete("/campaigns/{slug}/events/{event_id}", status_code=204)
def delete_event(
    slug: Slug, event_id: UUID, caller: CampaignsWriter, session: WriteSession
) -> None:
    """Delete a date permanently.

    Needs a key with `campaigns:write`. Another organisation's campaign is a 404.
    """
    campaign = campaigns.own(session, slug, organisation_id=caller.organisation_id)
    events.delete(session, events.get(session, campaign, event_id))
