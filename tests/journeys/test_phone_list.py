"""Tests the phone list on paper, in Chromium: A4, nine MPs a page, black on white everywhere."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from models import Role
from services.accounts import sessions
from services.assembly import Lobby
from tests.support.browser import MARKS, on_sqlite, served
from tests.support.common import CAMPAIGN
from tests.support.desk import add_organiser
from tests.support.home import change_campaign
from tests.support.members.team import add_members
from web.base.dependencies import cookie_name

pytestmark = [*MARKS, pytest.mark.slow]
LIST = f"/organiser/campaigns/{CAMPAIGN}/ask/print"
A4 = b"/MediaBox [0 0 594.95996 841.91998]"
PAPER: ViewportSize = {"width": 703, "height": 1032}
"""A4 in px, without the margins of 12 mm."""
ROWS_A_PAGE = 9
READ = """() => {
    const rows = [...document.querySelectorAll(".phone-list tbody tr")];
    const [head] = document.querySelectorAll(".phone-list tbody");
    const colours = [...document.querySelectorAll("body, main, main *")].map((one) => {
        const style = getComputedStyle(one);
        return [style.backgroundColor, style.color];
    });
    return {
        above: head.getBoundingClientRect().top,
        heights: rows.map((row) => row.getBoundingClientRect().height),
        breaks: [...new Set(rows.map((row) => getComputedStyle(row).breakInside))],
        backgrounds: [...new Set(colours.map(([background]) => background))],
        inks: [...new Set(colours.map(([, ink]) => ink))],
        width: document.documentElement.scrollWidth,
    };
}"""


@pytest.fixture
def address(lobby: Lobby, unused_port: int) -> Iterator[str]:
    with served(lobby, unused_port) as address:
        yield address


def signed_in(browser: Browser, lobby: Lobby, address: str, scheme: str) -> Page:
    context = browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light", base_url=address
    )
    organiser = add_organiser(lobby, Role.EDITOR)
    with lobby.database.write() as session:
        token = sessions.begin(session, organiser, device="Tests", now=lobby.clock())
    context.add_cookies([{"name": cookie_name(lobby.settings), "value": token, "url": address}])
    return context.new_page()


@on_sqlite
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_list_prints_nine_to_a_page_and_cuts_no_row(
    browser: Browser, lobby: Lobby, address: str, scheme: str
) -> None:
    add_members(lobby, 40)
    change_campaign(lobby, purpose="stop the sale of the NHS’s own staff bank, " * 4)
    page = signed_in(browser, lobby, address, scheme)
    page.goto(f"{LIST}?how_many=25")
    sheets = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type /Page\b", sheets)) == 3, "25 MPs, nine to a page"
    assert set(re.findall(rb"/MediaBox \[[^\]]*\]", sheets)) == {A4}
    page.set_viewport_size(PAPER)
    page.emulate_media(media="print")
    found = page.evaluate(READ)
    assert len(found["heights"]) == 25
    assert found["breaks"] == ["avoid"]
    assert found["above"] + sum(found["heights"][:ROWS_A_PAGE]) <= PAPER["height"]
    assert found["width"] <= PAPER["width"]
    assert set(found["backgrounds"]) <= {"rgb(255, 255, 255)", "rgba(0, 0, 0, 0)"}
    assert set(found["inks"]) <= {"rgb(0, 0, 0)", "rgb(51, 51, 51)"}
    text = page.inner_text("main")
    for part in ("What to say", "stop the sale", "020 7946 0", "no answer"):
        assert part in text
    for hidden in ("How many", "Print this page", "This is a demonstration"):
        assert hidden not in text
