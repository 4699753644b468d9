"""What is new in a campaign, for pages that stay open: figures, and how many changes there are."""

import json
from typing import Annotated

from fastapi import Query, Request, Response
from fastapi.responses import JSONResponse

from api.answers.caching import client_has, etag_of
from api.http.dependencies import Now, ReadSession, Slug
from api.http.late_routes import Router
from services.errors import Invalid
from services.tallies import seat_table
from services.views.desk import by_party, campaign_changes, figures
from web.base.desk import ViewerDesk
from web.organisers.campaign import own
from web.organisers.campaign.changes import moment_of

router = Router()


@router.get("/organiser/campaigns/{slug}/pulse")
def show_pulse(
    slug: Slug,
    request: Request,
    desk: ViewerDesk,
    session: ReadSession,
    now: Now,
    since: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """Answers with figures by their names in the pages, and how many changes came after `since`.

    It is asked twice a minute by everybody who has a page open. What decides on a 304 is read from
    counters; the seats, which are many, are read only for an answer that has something new.
    """
    campaign = own.of_page(desk, session, slug)
    begins = moment_of(since) if since else now
    if begins is None:
        message = "Give a moment such as 2026-11-30T09:20:00+00:00."
        raise Invalid.field("since", "moment_malformed", message)
    counted = figures.of_campaign(session, campaign.id, now=now)
    changes = campaign_changes.count(
        session, campaign, since=begins, now=now, with_answers=desk.may_edit
    )
    numbers = {
        "signed": counted.figures.signed.count,
        "signatures": counted.figures.signatures.count,
        "letters": counted.figures.letters.count,
    }
    tag = etag_of(json.dumps([numbers, changes]).encode())
    headers = {"ETag": tag, "Cache-Control": "no-store"}
    if client_has(request, tag):
        return Response(status_code=304, headers=headers)
    linked = (counted.motion, counted.parliament_session)
    tally = seat_table.of_campaign(session, campaign, now=now, linked=linked)
    all_numbers = numbers | {"left": by_party.left_to_ask(tally.rows)}
    return JSONResponse({"figures": all_numbers, "changes": changes}, headers=headers)
