"""All MPs of a campaign: who has signed, who said what, with signatures and letters."""

from collections.abc import Sequence
from typing import Any

from fastapi import Request, Response

from api.http.csv_answers import cacheable_csv
from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from api.http.late_routes import Router
from services.files.export_lines import FileFormat
from services.tallies import tally_exports
from services.views.desk.members import all_members
from services.views.desk.members.all_members import AllMembers, LookUp
from services.views.desk.members.stances import MpRow
from web.base import page_numbers
from web.base.desk import ViewerDesk
from web.base.rendering import see_other
from web.organisers.campaign import own
from web.organisers.members import mps_query, stance_words
from web.organisers.members.mps_query import MpsQuery

ROWS_PER_PAGE = 50
COLUMNS = (
    ("constituency", "Constituency", False),
    ("member", "MP and party", False),
    ("standing", "Motion", False),
    ("signatures", "Signatures", True),
    ("signatures_per_1000", "Per 1,000", True),
    ("letters_sent", "Letters", True),
    ("heard", "Last heard", False),
)
"""The order by a column, its head, and whether it has numbers."""
router = Router()


@router.get(mps_query.PAGE_PATH)
def show_mps(
    slug: Slug, request: Request, desk: ViewerDesk, session: ReadSession, lobby: TheLobby, now: Now
) -> Response:
    """Shows a page of the rows. What the address has and the page does not know is ignored."""
    campaign = own.of_page(desk, session, slug)
    found = all_members.of_campaign(session, campaign, may_edit=desk.may_edit, now=now)
    query = mps_query.read(request.query_params.multi_items()).checked(found)
    postcodes = lobby.postcodes.lookup
    if seat := _seat_of_postcode(found, query, postcodes):
        # The address names the seat: a postcode is personal data, and addresses are kept.
        return see_other(f"{request.url.path}{query.address(q=seat)}")
    return desk.page(
        "organisers/members/mps.html",
        campaign=campaign,
        found=found,
        query=query,
        columns=[(query.head(name), label, is_number) for name, label, is_number in COLUMNS],
        tag=stance_words.tag,
        heard=stance_words.heard,
        now=now,
        **_values(found, query, postcodes),
    )


@router.get(f"{mps_query.PAGE_PATH}.csv")
def mps_file(
    slug: Slug, request: Request, desk: ViewerDesk, session: ReadSession, lobby: TheLobby, now: Now
) -> Response:
    """Answers with all rows of the same filters, in the columns of the API's file.

    Files have only what the public knows: who said what to the team is not in them.
    """
    campaign = own.of_page(desk, session, slug)
    found = all_members.of_campaign(session, campaign, may_edit=False, now=now)
    query = mps_query.read(request.query_params.multi_items()).checked(found)
    rows = [row.seat for row in found.shown(query.only, lobby.postcodes.lookup)]
    text = tally_exports.tally_file(rows, FileFormat.CSV)
    return cacheable_csv(request, text, name=f"{slug}-mps.csv", is_public=False)


def _seat_of_postcode(found: AllMembers, query: MpsQuery, postcodes: LookUp) -> str | None:
    code = all_members.seat_at(query.q, postcodes)
    seats = (row.seat.constituency for row in found.rows)
    return next((seat.name for seat in seats if seat.code == code), None)


def _values(found: AllMembers, query: MpsQuery, postcodes: LookUp) -> dict[str, Any]:
    rows = found.shown(query.only, postcodes)
    pages = max(1, -(-len(rows) // ROWS_PER_PAGE))
    number = min(query.page, pages)
    first = (number - 1) * ROWS_PER_PAGE
    return {
        "rows": rows[first : first + ROWS_PER_PAGE],
        "first": first + 1,
        "total": len(rows),
        "page_number": number,
        "pages": page_numbers.pages_near(number, pages),
        "tabs": _tabs(found, query, postcodes),
        "in_file": _in_file(found, query, postcodes, rows),
        "is_postcode": all_members.seat_at(query.q, postcodes) is not None,
        "options": {
            "party": [(name, name) for name in found.parties()],
            "region": [(name, name) for name in found.regions()],
            "sort": query.orders(),
        },
    }


def _tabs(found: AllMembers, query: MpsQuery, postcodes: LookUp) -> list[tuple[Any, str, int]]:
    counts = found.counts(query.only, postcodes)
    each = [
        (stance, label, counts[stance])
        for stance, label in stance_words.STANCES.items()
        if counts[stance] or stance in stance_words.ALWAYS_SHOWN
    ]
    return [(None, "All", sum(counts.values())), *each]


def _in_file(found: AllMembers, query: MpsQuery, postcodes: LookUp, rows: Sequence[MpRow]) -> int:
    """Returns how many rows the file has: it does not know what offices told the team."""
    if not (found.has_answers and query.standing):
        return len(rows)
    return len(found.public().shown(query.only, postcodes))
