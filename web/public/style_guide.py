"""The style guide: every component on one page, shown to browsers on this machine only."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from fastapi import Request, Response

from api.http.dependencies import TheLobby
from api.http.late_routes import Router
from models import ContactPlace, MemberContact, QuickAnswerKind
from models.base import new_id
from services.campaigns.team_records import TeamEntry
from services.errors import FieldError, NotFound
from services.organisations import brand_colours
from services.organisations.faces import Face
from services.parliament.standing import Eligibility, Standing
from services.pictures.pictures import ShownPicture
from services.views import campaign_maps
from services.views.campaign_maps import CampaignMap, KeyEntry, MapBy, Tile
from web.base import stands
from web.base.charts import axes, bars, hex_map, lines, stacks
from web.base.charts.axes import Mark
from web.base.charts.hex_map import HexMap
from web.base.charts.tables import Table
from web.base.forms import Form
from web.base.local import is_on_this_machine
from web.base.rendering import page
from web.base.sharing import ShareLinks

_NOW = datetime(2026, 11, 30, 9, 20, tzinfo=UTC)
_EXAMPLE, _ICON = "#005eb8", "/static/icon.svg"
router = Router()
_STANDS = (
    (Standing.SIGNED, Eligibility.CAN_SIGN),
    (Standing.NOT_SIGNED, Eligibility.CAN_SIGN),
    (Standing.WITHDRAWN, Eligibility.CAN_SIGN),
    (Standing.NOT_SIGNED, Eligibility.CONVENTION),
    (Standing.NOT_SIGNED, Eligibility.CANNOT),
    (Standing.NOT_SIGNED, Eligibility.REFUSES),
)


@router.get("/styleguide")
def style_guide(request: Request, lobby: TheLobby, colour: str = "", of: str = "") -> Response:
    """Shows every component, in the colour `?colour=005eb8` or in the default one.

    Those that only organisers see are on a page with their own style sheet, `?of=desk`.
    """
    if not is_on_this_machine(request, lobby.settings):
        raise NotFound("page_unknown", "This page is for developers on their own machine.")
    return _of_desk() if of == "desk" else _of_public_pages(colour)


def _of_public_pages(colour: str) -> Response:
    form = Form({"name": "Anna", "wrong_email": "anna@", "updates": "yes"})
    form.problems = (
        FieldError("wrong_email", "email_malformed", "Enter an email address"),
        FieldError("wrong_choice", "choice_missing", "Choose yes or no"),
    )
    return page(
        "public/style_guide.html",
        None,
        is_private=True,
        face=_face(f"#{colour}" if colour else None),
        form=form,
        stands=[stands.of_member("Morag Ferncastle", *pair) for pair in _STANDS],
        links=ShareLinks("https://example.org/campaigns/example", "Stop the sale"),
        # Any picture shows how one is laid out.
        logo=_ICON,
        examples=_charts(),
        maps=_maps(),
    )


def _of_desk() -> Response:
    form = Form({"purpose": "What you typed", "nations": ["Wales"]})
    form.theirs = {"purpose": "What your colleague typed"}
    form.problems = (FieldError("wrong_file", "file_unreadable", "Choose another file"),)
    return page(
        "public/style_guide_desk.html",
        None,
        is_private=True,
        face=_face(None),
        form=form,
        palette=brand_colours.light(_EXAMPLE),
        contrast=brand_colours.contrast_on_button(_EXAMPLE),
        now=_NOW,
        example=ShownPicture(_ICON, f"{_ICON} 390w", 390, 260, "An icon", "Picture: us"),
        team=_team(),
        pages_query={"address": lambda page: f"?of=desk&page={page}"},
    )


def _team() -> dict[str, Any]:
    """Returns an MP whom a team asks, with each kind of entry, and a note that was not saved."""
    form = Form({"text": "What you typed"})
    form.problems = (FieldError("ring_back_on", "in_the_past", "Choose today or a later day"),)
    author = "jo@example.org"
    day, next_day = _NOW.date(), _NOW.date() + timedelta(days=1)
    note, ring_back, rung_back = (
        TeamEntry(new_id(), _NOW - timedelta(hours=hours), author, None, text, on, done_at)
        for hours, text, on, done_at in (
            (2, "She reads motions on Mondays.", None, None),
            (20, "Ask for Jo.", next_day, None),
            (44, "", day, _NOW),
        )
    )
    answer = TeamEntry(new_id(), _NOW, author, QuickAnswerKind.WILL_SIGN, "", None, None)
    return {
        "desk": {"form_token": ""},
        "path": "/organiser/campaigns/example/ask",
        "member": {"id": 1, "name": "Morag Ferncastle"},
        "form": form,
        "entries": [answer, note, ring_back, rung_back],
        "contacts": [
            MemberContact(
                member_id=1,
                place=ContactPlace.WESTMINSTER,
                telephone="020 7946 0101",
                email="morag.ferncastle@example.org",
                read_on=day,
            )
        ],
    }


def _maps() -> list[HexMap]:
    """Returns a map of standings and one of steps, with every mark."""
    standings = list(campaign_maps.Mark)[:6]
    others = list(campaign_maps.Mark)[6:]
    return [
        _map(MapBy.STANDING, [KeyEntry(mark, 3) for mark in standings]),
        _map(
            MapBy.SIGNATURES,
            [KeyEntry(mark, 3, number / 2, number / 2 + 0.5) for number, mark in enumerate(others)],
        ),
    ]


def _map(by: MapBy, key: list[KeyEntry]) -> HexMap:
    marks = [entry.mark for entry in key for _ in range(entry.seats)]
    tiles = tuple(Tile(f"{by}{n}", (n % 5, -(n // 5)), mark) for n, mark in enumerate(marks))
    credit = "Map: A. Author (CC BY 4.0)"
    return hex_map.drawn(CampaignMap(by, tiles, tuple(key), credit, is_empty=False))


def _charts() -> dict[str, Any]:
    days = [date(2026, 5, 28) + timedelta(days=index) for index in range(51)]
    names = [min(167, 1 + index * index) for index in range(51)]
    sent = [(7919 * index) % 540 for index in range(51)]
    marks = [Mark(number, days[at]) for number, at in enumerate((4, 11, 12, 27), start=1)]
    weeks = days[4::7]
    parties = {"Labour": (93, 218, 94), "Green Party": (4, 1, 0), "Sinn Féin": (0, 0, 7)}
    words = ("signed", "left", stacks.HATCHED)
    by_party = [
        (party, list(zip(words, numbers, strict=True))) for party, numbers in parties.items()
    ]
    return {
        "by_day": (
            lines.step_line(
                list(zip(days, names, strict=True)),
                title="MPs who have signed",
                goal=200,
                marks=marks,
            ),
            bars.day_bars(
                list(zip(days, sent, strict=True)),
                title="Letters sent",
                css_class="letters",
                marks=marks,
            ),
        ),
        "axis": axes.time_axis(days),
        "rows": Table(
            ("Day", "MPs in all", "Letters sent"), tuple(zip(days, names, sent, strict=True))
        ),
        "by_week": bars.week_bars(
            list(zip(weeks, sent, strict=False)), title="Letters sent", css_class="letters"
        ),
        "nothing": bars.day_bars([], title="Signatures", css_class="signatures"),
        "hatching": stacks.HATCHING,
        "parties": [(party, parts, stacks.stack(parts)) for party, parts in by_party],
    }


def _face(colour: str | None) -> Face:
    return Face(
        slug="example",
        name="Example Alliance",
        is_demonstration=False,
        website="https://example.org",
        brand_colour=colour,
        registration="registered charity 1234567",
        postal_address=None,
        contact_email=None,
        logo=None,
    )
