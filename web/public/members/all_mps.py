"""The page with all MPs: who has signed the motion of a campaign, filtered by links and a form.

All 650 rows are 120 kB, so a page has fifty unless `show=all`. Small numbers of people are left
out, here and in the files: see `services/tallies/public_tallies.py`.
"""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Form, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlmodel import Session

from api.answers.cached_answer import CachedAnswer
from api.answers.state import state_of
from api.http.csv_answers import cacheable_csv
from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from api.http.late_routes import Router
from models import Campaign
from services.assembly import Lobby
from services.campaigns import campaigns
from services.errors import Invalid
from services.organisations import faces
from services.tallies import public_tallies, seat_table, tally_exports
from services.tallies.seat_table import Tally, TallyRow
from services.tallies.tally_summaries import Grouping, SummaryRow
from services.views import campaign_maps
from web.base import cached_pages, forms, words
from web.base.charts import hex_map
from web.base.charts.tables import Table
from web.base.dependencies import Viewer
from web.base.rendering import page, see_other
from web.public.members import postcodes
from web.public.members.mp_filters import MpQuery
from web.public.members.statements import statements_of

Options = list[tuple[str, str]]
PAGE_SIZE = 50
router = Router()


@dataclass(frozen=True, slots=True)
class MpPage:
    """The rows `first` to `last`, counted from 1, of the `total` rows that match the filter."""

    rows: tuple[TallyRow, ...]
    total: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class AllMpsPage:
    """Names the page of all MPs of a campaign, or of those with one stance."""

    slug: str
    standing: str

    def answer(self, session: Session, lobby: Lobby) -> CachedAnswer:
        """Renders it. Raises NotFound for a draft too."""
        campaign, query = campaigns.public(session, self.slug), MpQuery(standing=self.standing)
        return cached_pages.cached(
            _page(session, lobby, campaign, query, forms.Form(), is_private=False)
        )


@router.get("/campaigns/{slug}/tally")
def earlier_address(slug: Slug, request: Request) -> Response:
    """Redirects links made before the page was called `mps`, with their filters."""
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"/campaigns/{slug}/mps{query}", 302)


@router.get("/campaigns/{slug}/mps")
async def show_mps(slug: Slug, query: Annotated[MpQuery, Query()], request: Request) -> Response:
    """Shows how many MPs have signed, the map, and a row for each constituency."""
    query = query.naming(request.query_params)

    def fresh(session: Session, viewer: UUID | None) -> Response:
        campaign, is_private = campaigns.public(session, slug, viewer=viewer), viewer is not None
        lobby = state_of(request).lobby
        return _page(session, lobby, campaign, query, forms.Form(), is_private=is_private)

    if query.constituency:
        return _to_seat(slug, query.constituency)
    cached = AllMpsPage(slug, query.standing) if query.is_common else None
    return await cached_pages.answer(request, cached, fresh)


@router.post("/campaigns/{slug}/mps")
def find_mp(
    slug: Slug,
    session: ReadSession,
    lobby: TheLobby,
    viewer: Viewer,
    postcode: Annotated[str, Form()] = "",
) -> Response:
    """Redirects to the MP of a postcode. The address names the constituency alone."""
    campaign = campaigns.public(session, slug, viewer=viewer)
    form = forms.Form({"postcode": postcode})
    try:
        code = postcodes.constituency_code(form, lobby)
    except Invalid as error:
        form.note(error)
        return _page(session, lobby, campaign, MpQuery(), form, status=422, is_private=True)
    return see_other(f"/campaigns/{slug}/constituencies/{code}")


@router.get("/campaigns/{slug}/mps.csv")
def download_mps(
    slug: Slug,
    query: Annotated[MpQuery, Query()],
    request: Request,
    session: ReadSession,
    now: Now,
    viewer: Viewer,
    by: Grouping | None = None,
) -> Response:
    """Downloads the rows of the page as CSV, or with `by` those of a table of its totals.

    An unknown filter is refused: a file has no line that could tell that it was ignored.
    """
    campaign, is_public = campaigns.public(session, slug, viewer=viewer), viewer is None
    tally = seat_table.of_campaign(session, campaign, now=now)
    if by is not None:
        table = _sums(by, public_tallies.summary_of(tally).by(by))
        name = f"{slug}-mps-by-{by}.csv"
        return cacheable_csv(request, table.csv, name=name, is_public=is_public)
    rows = _required(query, tally).rows(public_tallies.without_small(tally).rows)
    text = tally_exports.public_csv(rows)
    return cacheable_csv(request, text, name=f"{slug}-mps.csv", is_public=is_public)


def _to_seat(slug: str, code: str) -> Response:
    """Redirects a link made before seats had pages. Raises Invalid for what is no code at all."""
    if not (code.isalnum() and code.isascii()):
        message = "We don’t know this constituency. Enter your postcode to find it."
        raise Invalid.field("constituency", "constituency_unknown", message)
    return RedirectResponse(f"/campaigns/{slug}/constituencies/{code}", 302)


def _required(query: MpQuery, tally: Tally) -> MpQuery:
    """Returns the query. Raises Invalid for a value that is no choice."""
    unknown = query.checked(tally.rows).ignored
    if unknown:
        field, _, _ = unknown[0].partition("=")
        message = "This is none of the choices. Please choose one from the list."
        raise Invalid.field(field, "choice_unknown", message)
    return query


def _page(
    session: Session,
    lobby: Lobby,
    campaign: Campaign,
    query: MpQuery,
    form: forms.Form,
    *,
    status: int = 200,
    is_private: bool,
) -> Response:
    counted = seat_table.of_campaign(session, campaign, now=lobby.clock())
    query = query.checked(counted.rows)
    summary = public_tallies.summary_of(counted)
    tally = summary.tally
    shown = campaign_maps.of_tally(counted, is_public=True)
    return page(
        "public/members/all_mps.html",
        session,
        status=status,
        is_private=is_private,
        face=faces.of_campaign(session, campaign),
        campaign=campaign,
        tally=tally,
        signed=tally.signed_in_seats,
        map=hex_map.drawn(shown),
        mp_page=_mp_page(query.rows(tally.rows), query),
        query=query,
        form=form,
        tabs=query.tabs(tally.rows),
        options=_options(tally),
        summary=summary,
        statements_of=statements_of,
        standing_of=words.standing_of,
        base_url=lobby.settings.base_url,
    )


def _mp_page(rows: tuple[TallyRow, ...], query: MpQuery) -> MpPage:
    if query.show == "all":
        return MpPage(rows, len(rows), 1, len(rows))
    start = (query.page - 1) * PAGE_SIZE
    shown = rows[start : start + PAGE_SIZE]
    return MpPage(shown, len(rows), start + 1, start + len(shown))


def _sums(by: Grouping, rows: tuple[SummaryRow, ...]) -> Table:
    """Returns the table of the page's totals by party, nation or region."""
    columns = ("MPs signed", "MPs who can sign", "Signatures", "Signatures per 1000")
    return Table(
        (by.capitalize(), *columns),
        tuple(
            (
                row.name,
                row.signed,
                row.can_sign,
                words.in_public(row.signatures) if not row.signatures else row.signatures,
                "" if row.signatures_per_1000 is None else f"{row.signatures_per_1000:.2f}",
            )
            for row in rows
        ),
    )


def _options(tally: Tally) -> dict[str, Options]:
    """Lists the choices of the form, with the parties, nations and regions in the table."""
    parties = {row.party for row in tally.rows if row.party}
    nations = {row.constituency.nation for row in tally.rows}
    regions = {row.constituency.region for row in tally.rows}
    return {
        "party": [(name, name) for name in sorted(parties)],
        "nation": [(name, name) for name in sorted(nations)],
        "region": [(name, name) for name in sorted(regions)],
        "said": [(value, text) for value, text in words.STATED_INTENTS.items()],
        "sort": [each for each in words.SORTS.items() if tally.motion or each[0] != "signed_on"],
    }
