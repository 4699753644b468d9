"""Everything that changed in a campaign, by day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Annotated

from fastapi import Query, Response

from api.http.dependencies import Now, ReadSession, Slug
from api.http.late_routes import Router
from services.common import times
from services.views.desk import campaign_changes
from services.views.desk.changes import Change
from web.base.desk import ViewerDesk
from web.organisers.campaign import own

PAGE_SIZE = 50
MOST_PAGES = 1000
Since = Annotated[str, Query(max_length=40)]
PageNumber = Annotated[str, Query(alias="page", max_length=20)]
router = Router()


@dataclass(frozen=True, slots=True)
class DayOfChanges:
    """The changes of one day in London, the newest first."""

    day: date
    changes: list[Change]


@router.get("/organiser/campaigns/{slug}/changes")
def show_changes(
    slug: Slug,
    desk: ViewerDesk,
    session: ReadSession,
    now: Now,
    since: Since = "",
    number: PageNumber = "1",
) -> Response:
    """Shows the changes since a day or a moment, or all of them, the newest first."""
    campaign = own.of_page(desk, session, slug)
    begins, shown = moment_of(since), page_of(number)
    found = campaign_changes.page(
        session,
        campaign,
        since=begins,
        now=now,
        with_answers=desk.may_edit,
        skip=PAGE_SIZE * (shown - 1),
        limit=PAGE_SIZE + 1,
    )
    return desk.page(
        "organisers/campaign/changes.html",
        campaign=campaign,
        days=by_day(found[:PAGE_SIZE]),
        since=begins,
        is_day=len(since) == len("2026-11-30"),
        number=shown,
        has_more=len(found) > PAGE_SIZE and shown < MOST_PAGES,
        ignored=_ignored(since, begins, number, shown),
        now=now,
    )


def moment_of(typed: str) -> datetime | None:
    """Returns the moment that an address names: a day begins in London. None for anything else."""
    try:
        if len(typed) == len("2026-11-30"):
            return times.begin_of_day(date.fromisoformat(typed))
        # A '+' that was not escaped arrives as a space.
        moment = datetime.fromisoformat(typed.replace(" ", "+"))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def page_of(typed: str) -> int:
    """Returns the number of a page; 1 for anything else."""
    is_number = typed.isascii() and typed.isdigit() and 1 <= int(typed) <= MOST_PAGES
    return int(typed) if is_number else 1


def by_day(changes: Sequence[Change]) -> list[DayOfChanges]:
    """Puts changes together that happened on one day in London."""
    days = groupby(changes, key=lambda change: times.today(change.at))
    return [DayOfChanges(day, list(of_day)) for day, of_day in days]


def _ignored(since: str, begins: datetime | None, number: str, shown: int) -> list[str]:
    """Returns what the address says that means nothing here."""
    of_since = [f"since={since}"] if since and begins is None else []
    return of_since + ([f"page={number}"] if str(shown) != number else [])
