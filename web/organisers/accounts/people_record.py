"""The record of what was done with accounts, and of downloads, for owners."""

from typing import Annotated

from fastapi import Query, Response

from api.http.dependencies import ReadSession
from api.http.late_routes import Router
from services.accounts import record
from web.base.desk import OwnerDesk

PER_PAGE = 50
router = Router()


@router.get("/organiser/people/record")
def show_record(
    desk: OwnerDesk,
    session: ReadSession,
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
) -> Response:
    """Shows fifty lines, newest first."""
    after = (page - 1) * PER_PAGE
    found = record.of_organisation(session, desk.organisation_id, limit=PER_PAGE + 1, after=after)
    return desk.page(
        "organisers/accounts/record.html",
        events=found[:PER_PAGE],
        number=page,
        is_last=len(found) <= PER_PAGE,
        kept_days=record.KEPT.days,
    )
