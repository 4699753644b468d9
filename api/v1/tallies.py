"""The tally of a campaign, and its totals by party, nation and region, as JSON and as files."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlmodel import Session

from api.answers import public_answers
from api.answers.caching import cacheable, cacheable_bytes
from api.answers.state import state_of
from api.http.csv_answers import AS_CSV, BOM, PRIVATE, cacheable_csv, wants_csv
from api.http.dependencies import Anyone, Now, ReadSession, Slug, caller_of
from api.http.downloads import MEDIA_TYPES, file_responses
from api.http.late_routes import Router
from api.http.query_names import KNOWN_NAMES
from api.schemas.tally import TallyAnswer, tally_answer
from api.schemas.tally_summary import SummaryAnswer, summary_answer, summary_csv
from models import Scope
from services.assembly import Lobby
from services.campaigns import campaigns
from services.common import texts
from services.files.export_lines import FileFormat
from services.keys.api_keys import Caller
from services.parliament.standing import Eligibility, Standing, StatedIntent
from services.tallies import known_values, seat_table, tally_exports, tally_summaries
from services.tallies.seat_table import Tally, TallyFilter, TallyRow
from services.tallies.tally_summaries import Grouping, TallySummary

router = Router(tags=["tallies"])
_Text = Annotated[str | None, Query(max_length=100)]
_Day = Annotated[
    str | None,
    Query(
        max_length=10,
        description="Members who signed on that day or later, and did not withdraw: YYYY-MM-DD.",
        json_schema_extra={"format": "date"},
    ),
]


async def _wanted(  # async, so that FastAPI does not run it in a thread: the call is frequent
    standing: Standing | None = None,
    eligibility: Annotated[
        list[Eligibility] | None,
        Query(max_length=len(Eligibility), description="Repeat it for any of several."),
    ] = None,
    party: _Text = None,
    nation: _Text = None,
    region: _Text = None,
    signed_since: _Day = None,
    said: StatedIntent | None = None,
    search: Annotated[
        str | None,
        Query(
            max_length=100,
            description="A part of the name of the member or the constituency.",
        ),
    ] = None,
    sort: Annotated[str, Query(max_length=30)] = "constituency",
) -> TallyFilter:
    return TallyFilter(
        standing=standing,
        eligibilities=frozenset(eligibility or ()),
        party=party,
        nation=nation,
        region=region,
        signed_since=None if signed_since is None else texts.day(signed_since, "signed_since"),
        said=said,
        search=search or "",
        sort=sort,
    )


Wanted = Annotated[TallyFilter, Depends(_wanted)]


@router.get(
    "/campaigns/{slug}/tally",
    response_model=TallyAnswer,
    responses=AS_CSV,
    dependencies=[KNOWN_NAMES, BOM],
)
async def read_tally(slug: Slug, request: Request, wanted: Wanted) -> Response:
    """Read for all seats who holds them, whether they signed, and how many constituents asked.

    `Accept: text/csv` gives CSV. A key with `tallies:read` gets MPs' published addresses too.
    """
    state = state_of(request)
    has_key = "Authorization" in request.headers
    if wanted == TallyFilter() and not wants_csv(request) and not has_key:
        return await public_answers.answer(request, state.public_answers.tallies, slug)
    return await run_in_threadpool(_filtered, request, state.lobby, slug, wanted)


@router.get(
    "/campaigns/{slug}/tally.csv",
    response_class=Response,
    responses=AS_CSV,
    dependencies=[KNOWN_NAMES, BOM],
)
def download_tally(
    slug: Slug,
    request: Request,
    caller: Anyone,
    session: ReadSession,
    now: Now,
    wanted: Wanted,
) -> Response:
    """Download the rows of the tally as CSV, with the same filters.

    With a key that has `tallies:read`, the last column is MPs' published addresses.
    """
    rows = _find(session, slug, wanted, now)[1]
    return _file(request, slug, rows, FileFormat.CSV, has_emails=_gets_emails(caller))


@router.get(
    "/campaigns/{slug}/tally.jsonl",
    response_class=Response,
    responses=file_responses(FileFormat.JSONL),
    dependencies=[KNOWN_NAMES],
)
def download_tally_lines(
    slug: Slug,
    request: Request,
    caller: Anyone,
    session: ReadSession,
    now: Now,
    wanted: Wanted,
) -> Response:
    """Download the rows of `tally.csv` as JSON lines: objects with the names of its columns."""
    rows = _find(session, slug, wanted, now)[1]
    return _file(request, slug, rows, FileFormat.JSONL, has_emails=_gets_emails(caller))


@router.get(
    "/campaigns/{slug}/tally/summary", response_model=SummaryAnswer, dependencies=[KNOWN_NAMES]
)
def read_summary(slug: Slug, request: Request, session: ReadSession, now: Now) -> Response:
    """Read the tally by party, by nation and by region. Every seat is in one row of each."""
    answer = summary_answer(_summary(session, slug, now))
    return cacheable(request, answer, without={"as_of"})


@router.get(
    "/campaigns/{slug}/tally/summary.csv",
    response_class=Response,
    responses=AS_CSV,
    dependencies=[KNOWN_NAMES, BOM],
)
def download_summary(
    slug: Slug,
    request: Request,
    session: ReadSession,
    now: Now,
    by: Grouping = Grouping.PARTY,
) -> Response:
    """Download the rows of one grouping of the tally as CSV."""
    text = summary_csv(_summary(session, slug, now).by(by))
    return cacheable_csv(request, text, name=f"{slug}-tally-by-{by}.csv")


def _filtered(request: Request, lobby: Lobby, slug: str, wanted: TallyFilter) -> Response:
    has_emails = _gets_emails(caller_of(request, lobby))
    with lobby.database.read() as session:
        tally, rows = _find(session, slug, wanted, lobby.clock())
    if wants_csv(request):
        return _file(request, slug, rows, FileFormat.CSV, has_emails=has_emails)
    answer = tally_answer(tally, rows, has_emails=has_emails)
    response = cacheable(request, answer, without={"as_of"})
    if has_emails:
        response.headers["Cache-Control"] = PRIVATE
    return response


def _gets_emails(caller: Caller | None) -> bool:
    """Returns whether a caller gets MPs' addresses: no list of them is open to everybody."""
    return caller is not None and Scope.TALLIES_READ in caller.scopes


def _summary(session: Session, slug: str, now: datetime) -> TallySummary:
    campaign = campaigns.public(session, slug)
    return tally_summaries.of_tally(seat_table.of_campaign(session, campaign, now=now))


def _find(
    session: Session, slug: str, wanted: TallyFilter, now: datetime
) -> tuple[Tally, tuple[TallyRow, ...]]:
    campaign = campaigns.public(session, slug)
    tally = seat_table.of_campaign(session, campaign, now=now)
    known_values.require(session, wanted, tally.rows)
    return tally, wanted.apply(tally.rows)


def _file(
    request: Request,
    slug: str,
    rows: tuple[TallyRow, ...],
    form: FileFormat,
    *,
    has_emails: bool,
) -> Response:
    text, name = tally_exports.tally_file(rows, form, has_emails=has_emails), f"{slug}-tally.{form}"
    caching = {"Cache-Control": PRIVATE} if has_emails else {}
    if form is FileFormat.CSV:
        return cacheable_csv(request, text, name=name, cache_control=caching.get("Cache-Control"))
    headers = {"Content-Disposition": f'attachment; filename="{name}"'} | caching
    content, media_type = text.encode(), MEDIA_TYPES[form]
    return cacheable_bytes(request, content, etag_source=content, media_type=media_type, **headers)
