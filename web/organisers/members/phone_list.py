"""The phone list on paper and as a file: whom to ask, without anything that the team keeps private.

Volunteers may have both, so they leave out notes, answers and days to ring back.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from fastapi import Request, Response
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, Slug
from api.http.downloads import MEDIA_TYPES, attachment_headers
from api.http.late_routes import Router
from models import ContactPlace, MemberContact
from services.errors import Conflict
from services.files.csv_writing import csv_text
from services.files.export_lines import FileFormat
from services.targets.ask_lists import AskList
from services.targets.desk_reasons import DeskReason
from services.views.desk.members import asking
from services.views.desk.members.asking import AskFilter, Asking, AskRow
from web.base.desk import EditorDesk
from web.organisers.campaign import own
from web.organisers.members import ask_query
from web.organisers.members.asking import nothing_to_ask

LENGTHS = (12, 25, 50, 100)
ROWS_A_PAGE = 9
COLUMNS = (
    "rank",
    "member_id",
    "member",
    "party",
    "constituency_code",
    "constituency",
    "region",
    "signatures",
    "letters_sent",
    "reasons",
    "westminster_telephone",
    "westminster_email",
    "constituency_telephone",
    "constituency_email",
)
router = Router()


class Order(StrEnum):
    """What the phone list starts with."""

    BEST = "best"
    REGION = "region"
    PARTY = "party"


ORDERS = {Order.BEST: "Best first", Order.REGION: "By region", Order.PARTY: "By party"}


@dataclass(frozen=True, slots=True)
class PhoneRow:
    """A row of the phone list: what a volunteer may know."""

    row: AskRow
    rank: int
    reasons: Sequence[DeskReason]
    contacts: Sequence[MemberContact]


@router.get(f"{ask_query.PAGE_PATH}/print")
def show_phone_list(
    slug: Slug,
    desk: EditorDesk,
    session: ReadSession,
    now: Now,
    how_many: str = "",
    order: str = "",
) -> Response:
    """Shows the list to print. A number or an order that it does not offer is ignored."""
    campaign = own.of_page(desk, session, slug)
    try:
        found = asking.of_campaign(session, campaign, now=now)
    except Conflict as error:
        return nothing_to_ask(desk, campaign, error)
    length = int(how_many) if how_many in map(str, LENGTHS) else LENGTHS[0]
    chosen = Order(order) if order in set(Order) else Order.BEST
    rows = found.shown(AskList.TO_ASK, AskFilter())[:length]  # the best first
    rows.sort(key=_KEYS[chosen])
    return desk.page(
        "organisers/members/phone_list.html",
        campaign=campaign,
        tally=found.tally,
        rows=_phone_rows(session, found, rows),
        lengths=[(str(each), str(each)) for each in LENGTHS],
        orders=list(ORDERS.items()),
        length=str(length),
        order=chosen,
        rows_a_page=ROWS_A_PAGE,
        now=now,
    )


@router.get(f"{ask_query.PAGE_PATH}.csv")
def download_phone_list(
    slug: Slug, request: Request, desk: EditorDesk, session: ReadSession, now: Now
) -> Response:
    """Returns everybody to ask as CSV, best first. It takes the page's filters."""
    campaign = own.of_page(desk, session, slug)
    found = asking.of_campaign(session, campaign, now=now)
    query = ask_query.read(request.query_params.multi_items()).checked(found)
    rows = _phone_rows(session, found, found.shown(AskList.TO_ASK, query.only))
    return Response(
        csv_text(COLUMNS, map(_cells, rows)),
        media_type=MEDIA_TYPES[FileFormat.CSV],
        headers=attachment_headers(f"{campaign.slug}-who-to-ask.csv"),
    )


def _phone_rows(session: Session, found: Asking, rows: Sequence[AskRow]) -> list[PhoneRow]:
    contacts = asking.contacts_of(session, rows)
    return [
        PhoneRow(
            row,
            found.ranks[row.member.id],
            found.public_reasons(row),
            contacts[row.member.id],
        )
        for row in rows
    ]


def _cells(phone: PhoneRow) -> list[object]:
    row, seat = phone.row, phone.row.seat
    offices: Mapping[ContactPlace, MemberContact] = {each.place: each for each in phone.contacts}
    reasons = [f"{reason.head}: {reason.rest}" for reason in phone.reasons]
    cells: list[object] = [
        phone.rank,
        row.member.id,
        row.member.name,
        row.member.party,
        seat.constituency.code,
        seat.constituency.name,
        seat.constituency.region,
        seat.signatures,
        seat.letters_sent,
        "; ".join(reasons),
    ]
    for place in ContactPlace:
        office = offices.get(place)
        cells += [office.telephone, office.email] if office else [None, None]
    return cells


_KEYS: Mapping[Order, Callable[[AskRow], str]] = {
    Order.BEST: lambda _: "",
    Order.REGION: lambda row: row.seat.constituency.region,
    Order.PARTY: lambda row: row.seat.party_group or "",
}
