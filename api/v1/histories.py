"""The history of a campaign's counts, as JSON and as CSV."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Query, Request, Response

from api.answers.caching import MEDIA_TYPE, cacheable_bytes
from api.http.csv_answers import AS_CSV, BOM, cacheable_csv, wants_csv
from api.http.dependencies import Now, ReadSession, Slug
from api.http.late_routes import Router
from api.http.query_names import KNOWN_NAMES
from api.schemas.fields import HistoryFrom, HistoryTo
from api.schemas.history import HistoryAnswer, history_answer, history_csv
from services.campaigns import campaigns
from services.tallies import histories
from services.tallies.histories import History, Interval

_NO_TIME = datetime.min.replace(tzinfo=UTC)
router = Router(tags=["tallies"])


def _history(
    slug: Slug,
    session: ReadSession,
    now: Now,
    begins: Annotated[HistoryFrom | None, Query(alias="from")] = None,
    ends: Annotated[HistoryTo | None, Query(alias="to")] = None,
    every: Interval = Interval.DAY,
) -> History:
    campaign = campaigns.public(session, slug)
    return histories.of_campaign(session, campaign, begins=begins, ends=ends, every=every, now=now)


TheHistory = Annotated[History, Depends(_history)]


@router.get(
    "/campaigns/{slug}/tally/history",
    response_model=HistoryAnswer,
    responses=AS_CSV,
    dependencies=[KNOWN_NAMES, BOM],
)
def read_history(slug: Slug, request: Request, history: TheHistory, now: Now) -> Response:
    """Read how signatories, signatures and letters grew.

    It also lists events of the motion and organisers' notes about members. `Accept: text/csv`
    gives the points as CSV.
    """
    if wants_csv(request):
        return _csv(request, slug, history, now)
    content = history_answer(history).model_dump_json()
    etag_source = history_answer(_without_now(history, now)).model_dump_json()
    return cacheable_bytes(
        request, content.encode(), etag_source=etag_source.encode(), media_type=MEDIA_TYPE
    )


@router.get(
    "/campaigns/{slug}/tally/history.csv",
    response_class=Response,
    responses=AS_CSV,
    dependencies=[KNOWN_NAMES, BOM],
)
def download_history(slug: Slug, request: Request, history: TheHistory, now: Now) -> Response:
    """Download the points of the history as CSV, with the same query."""
    return _csv(request, slug, history, now)


def _csv(request: Request, slug: str, history: History, now: datetime) -> Response:
    etag_source = history_csv(_without_now(history, now))
    return cacheable_csv(
        request, history_csv(history), name=f"{slug}-history.csv", etag_source=etag_source
    )


def _without_now(history: History, now: datetime) -> History:
    """Leaves the time of the request out of the ETag, where it is the last point."""
    *points, last = history.points
    if last.at != now:
        return history
    return replace(history, points=(*points, replace(last, at=_NO_TIME)))
