"""Tests that the desk works with a keyboard alone, and that no bar hides what has the focus."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from services.assembly import Lobby
from services.campaigns import campaigns
from services.demonstration import invented_campaign
from tests.support.browser import MARKS, on_sqlite, served
from tests.support.common import CAMPAIGN, ORGANISERS_PASSWORD

pytestmark = [*MARKS, pytest.mark.slow]
OVERVIEW = f"/organiser/campaigns/{CAMPAIGN}"
EDIT = f"{OVERVIEW}/edit"
LINE = "A line that was written without a mouse."
MOST_STOPS = 120
FOCUSED = """() => {
    const one = document.activeElement;
    const label = one.labels?.[0]?.innerText || one.ariaLabel || one.innerText || one.value || "";
    return label.replace(/\\s+/g, " ").trim();
}"""
COVERED = """() => {
    const [one, bar] = [document.activeElement, document.querySelector(".shortcuts")];
    if (one === document.body || bar.contains(one) || !bar.offsetHeight) return "";
    const [box, over] = [one.getBoundingClientRect(), bar.getBoundingClientRect()];
    return box.bottom > over.top && box.top < over.bottom ? one.outerHTML.slice(0, 90) : "";
}"""


@pytest.fixture
def address(lobby: Lobby, unused_port: int) -> Iterator[str]:
    """Serves the application and yields its address."""
    with served(lobby, unused_port) as address:
        yield address


def page_of(browser: Browser, address: str, width: int) -> Page:
    size: ViewportSize = {"width": width, "height": 640}
    return browser.new_context(viewport=size, base_url=address).new_page()


def tab_to(page: Page, name: str) -> None:
    """Presses Tab until what has this name has the focus."""
    page.wait_for_load_state()
    seen = []
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(FOCUSED))
        if seen[-1].startswith(name):
            return
    raise AssertionError(f"nothing is called {name!r}: {seen}")


def sign_in(page: Page) -> None:
    page.goto("/sign-in")
    tab_to(page, "Email")
    page.keyboard.type(invented_campaign.ORGANISER)
    page.keyboard.press("Tab")
    page.keyboard.type(ORGANISERS_PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/organiser")


@on_sqlite
@pytest.mark.parametrize("width", [390, 1280])
def test_an_organiser_signs_in_and_saves_a_step_with_a_keyboard_alone(
    browser: Browser, address: str, lobby: Lobby, width: int
) -> None:
    page = page_of(browser, address, width)
    sign_in(page)
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED) == "Skip to main content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    tab_to(page, "Edit")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{EDIT}/campaign")
    tab_to(page, "First line of the page")
    page.keyboard.press("Control+a")
    page.keyboard.type(LINE)
    tab_to(page, "Save and continue")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{EDIT}/petition**")
    with lobby.database.read() as session:
        assert campaigns.by_slug(session, CAMPAIGN).hero_line == LINE
    page.context.close()


@on_sqlite
def test_the_menu_of_a_phone_opens_and_closes_with_a_keyboard(
    browser: Browser, address: str
) -> None:
    page = page_of(browser, address, 390)
    sign_in(page)
    menu = page.locator("#menu")
    expect(menu).to_be_hidden()
    tab_to(page, "Menu")
    page.keyboard.press("Enter")
    expect(menu).to_be_visible()
    tab_to(page, "Close")
    page.keyboard.press("Enter")
    expect(menu).to_be_hidden()
    page.context.close()


@on_sqlite
@pytest.mark.parametrize(
    "path",
    ["/organiser", f"{EDIT}/campaign", f"{EDIT}/letters", OVERVIEW, f"{OVERVIEW}/changes"],
)
def test_the_bar_at_the_bottom_never_covers_what_has_the_focus(
    browser: Browser, address: str, path: str
) -> None:
    page = page_of(browser, address, 390)
    sign_in(page)
    page.goto(path)
    stops = set()
    for _ in range(80):
        page.keyboard.press("Tab")
        assert page.evaluate(COVERED) == ""
        stops.add(page.evaluate("document.activeElement.outerHTML.slice(0, 200)"))
    assert len(stops) > 10, "the focus went through the page"
    page.context.close()


@on_sqlite
def test_a_letters_form_comes_before_what_is_missing_on_a_phone(
    browser: Browser, address: str
) -> None:
    page = page_of(browser, address, 390)
    sign_in(page)
    for width in (390, 320):
        page.set_viewport_size({"width": width, "height": 640})
        page.goto(f"{EDIT}/letters/new")
        missing = page.get_by_role("complementary", name="What it still lacks")
        for last_of_form in (page.get_by_role("button", name="Save"), page.locator("#preview")):
            form, listed = last_of_form.bounding_box(), missing.bounding_box()
            assert form
            assert listed
            assert form["y"] + form["height"] <= listed["y"]
        tab_to(page, "Name (only you see it)")
        tab_to(page, "Publish your privacy notice")  # Tab goes only forward: this comes later
    page.context.close()
