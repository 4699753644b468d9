"""The map of a campaign for its organisers, where each hexagon leads to its MP."""

from collections.abc import Sequence

from fastapi import Request, Response

from api.http.csv_answers import cacheable_csv
from api.http.dependencies import Now, ReadSession, Slug
from api.http.late_routes import Router
from services.files.export_lines import FileFormat
from services.tallies import seat_table, tally_exports, tally_summaries
from services.tallies.seat_table import TallyRow
from services.tallies.tally_summaries import SummaryRow, TallySummary
from services.views import campaign_maps
from services.views.campaign_maps import MapBy
from web.base import words
from web.base.charts import hex_map
from web.base.charts.hex_map import SeatLink
from web.base.desk import ViewerDesk
from web.organisers.campaign import own

PATH = "/organiser/campaigns/{slug}/map"
STRONGEST = 15
router = Router()


@router.get(PATH)
def show_map(
    slug: Slug, desk: ViewerDesk, session: ReadSession, now: Now, by: str = ""
) -> Response:
    """Shows all seats by standing, or by signatures or letters per 1,000 voters."""
    campaign = own.of_page(desk, session, slug)
    tally = seat_table.of_campaign(session, campaign, now=now)
    chosen = MapBy(by) if by in list(MapBy) else MapBy.STANDING
    shown = campaign_maps.of_tally(tally, chosen)
    summary = tally_summaries.of_tally(tally)
    return desk.page(
        "organisers/campaign/map.html",
        campaign=campaign,
        tally=tally,
        by=chosen,
        ignored=f"by={by[:20]}" if by not in ("", *MapBy) else "",
        shown=hex_map.drawn(shown, [_link(row, chosen) for row in tally.rows]),
        tabs=hex_map.TABS,
        summary=summary,
        regions=_regions(summary),
        strongest=_strongest(tally.rows, chosen),
        path_of=path_of,
        now=now,
    )


@router.get(f"{PATH}.csv")
def download_map(
    slug: Slug, request: Request, desk: ViewerDesk, session: ReadSession, now: Now
) -> Response:
    """Downloads the rows of the map as CSV: those of the tally."""
    campaign = own.of_page(desk, session, slug)
    tally = seat_table.of_campaign(session, campaign, now=now)
    text = tally_exports.tally_file(tally.rows, FileFormat.CSV)
    return cacheable_csv(request, text, name=f"{slug}-map.csv", is_public=False)


def path_of(row: TallyRow) -> str:
    """Returns the page of a seat's member, or of a vacant seat, below that of the campaign."""
    return f"mps/{row.member.id}" if row.member else f"seats/{row.constituency.code}"


def _link(row: TallyRow, by: MapBy) -> SeatLink:
    seat = row.constituency.name
    who = f"{row.member.name}, {seat}" if row.member else seat
    return SeatLink(path_of(row), f"{who}: {_fact(row, by)}")


def _fact(row: TallyRow, by: MapBy) -> str:
    if by is MapBy.SIGNATURES:
        return words.counted(row.signatures, "signature")
    if by is MapBy.LETTERS:
        return words.counted(row.letters_sent, "letter")
    return words.lower_first(hex_map.LABELS[campaign_maps.mark_of(row)])


def _regions(summary: TallySummary) -> tuple[SummaryRow, ...]:
    """Returns the regions, those with the largest part of names first."""
    return tuple(
        sorted(summary.by_region, key=lambda row: (-(row.signed_of_can_sign or 0), row.name))
    )


def _strongest(rows: Sequence[TallyRow], by: MapBy) -> list[tuple[TallyRow, int, float]]:
    """Returns the seats with most signatures or letters for their electors, with both numbers."""
    if by is MapBy.STANDING:
        return []
    values = [
        (row, campaign_maps.count_of(row, by), campaign_maps.value_of(row, by)) for row in rows
    ]
    known = [(row, count, value) for row, count, value in values if value]
    known.sort(key=lambda line: (-line[2], line[0].constituency.name))
    return known[:STRONGEST]
