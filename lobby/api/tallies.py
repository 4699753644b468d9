"""The tally of a campaign, as JSON and as CSV."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AwareDatetime
from sqlmodel import Session

from lobby.api.caching import keepable, keepable_bytes
from lobby.api.dependencies import Now, ReadSession, Slug
from lobby.api.schemas.history import HistoryAnswer, history_answer
from lobby.api.schemas.tally import TallyAnswer, tally_answer, tally_csv
from lobby.services import campaigns, histories, tallies
from lobby.services.histories import Every
from lobby.services.standing import Eligibility, Standing
from lobby.services.tallies import Tally, TallyFilter, TallyRow

router = APIRouter(tags=["tallies"])
CSV = "text/csv"
_Text = Annotated[str | None, Query(max_length=100)]


def _wanted(
    standing: Standing | None = None,
    eligibility: Eligibility | None = None,
    party: _Text = None,
    nation: _Text = None,
    region: _Text = None,
    sort: Annotated[str, Query(max_length=30)] = "constituency",
) -> TallyFilter:
    return TallyFilter(standing, eligibility, party, nation, region, sort)


Wanted = Annotated[TallyFilter, Depends(_wanted)]


@router.get(
    "/campaigns/{slug}/tally",
    response_model=TallyAnswer,
    responses={200: {"content": {CSV: {}}}},
)
def read_tally(
    slug: Slug,
    request: Request,
    session: ReadSession,
    now: Now,
    wanted: Wanted,
) -> Response:
    """All seats: who holds them, how they stand, and how many asked. `Accept: text/csv` for CSV."""
    tally, rows = _find(session, slug, wanted, now)
    if CSV in request.headers.get("Accept", ""):
        return _csv(request, slug, rows)
    return keepable(request, tally_answer(tally, rows), but={"as_of"})


@router.get("/campaigns/{slug}/tally.csv", response_class=Response)
def download_tally(
    slug: Slug,
    request: Request,
    session: ReadSession,
    now: Now,
    wanted: Wanted,
) -> Response:
    """The rows of the tally as CSV, with the same filters."""
    return _csv(request, slug, _find(session, slug, wanted, now)[1])


@router.get("/campaigns/{slug}/tally/history")
def read_history(
    slug: Slug,
    session: ReadSession,
    now: Now,
    begins: Annotated[AwareDatetime | None, Query(alias="from")] = None,
    ends: Annotated[AwareDatetime | None, Query(alias="to")] = None,
    every: Every = Every.DAY,
) -> HistoryAnswer:
    """How signatories, signatures and letters grew, and what happened to the motion."""
    campaign = campaigns.public(session, slug)
    history = histories.of_campaign(
        session, campaign, begins=begins, ends=ends, every=every, now=now
    )
    return history_answer(history, every)


def _find(
    session: Session, slug: str, wanted: TallyFilter, now: datetime
) -> tuple[Tally, tuple[TallyRow, ...]]:
    campaign = campaigns.public(session, slug)
    tally = tallies.of_campaign(session, campaign, now=now)
    return tally, wanted.apply(tally.rows)


def _csv(request: Request, slug: str, rows: tuple[TallyRow, ...]) -> Response:
    content = tally_csv(rows).encode()
    name = f'attachment; filename="{slug}-tally.csv"'
    headers = {"Content-Disposition": name}
    return keepable_bytes(
        request, content, marked=content, media_type=f"{CSV}; charset=utf-8", **headers
    )
