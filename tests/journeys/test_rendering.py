"""Tests how pages look in a real browser: large text, forced colours, focus, and small targets."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize

from services.assembly import Lobby
from tests.support.browser import MARKS, content_width, on_sqlite, served
from tests.support.common import CAMPAIGN, CAN_SIGN, PETITION

pytestmark = [
    *MARKS,
    pytest.mark.slow,
    on_sqlite,
]
MPS = f"/campaigns/{CAMPAIGN}/mps"
PATHS = (
    "/",
    f"/campaigns/{CAMPAIGN}",
    f"/petitions/{PETITION}",
    f"/petitions/{PETITION}/embed",
    f"/campaigns/{CAMPAIGN}/letter",
    MPS,
    f"{MPS}?constituency=S14000078",
    f"/embed/{PETITION}",
    "/sign-in",
    "/nothing-here",
)
# Targets lower than 24 pixels (WCAG 2.2, 2.5.8), without the hidden link to the main part.
LOW_TARGETS = """() =>
  [...document.querySelectorAll("a[href], button, summary, select, input:not([type=hidden])")]
    .map((target) => [target.textContent.trim(), target.getBoundingClientRect()])
    .filter(([, box]) => box.height > 0 && box.height < 24 && box.right > 0)
    .map(([text, box]) => `${text}: ${box.height}`)
"""


@pytest.fixture
def address(lobby: Lobby, unused_port: int) -> Iterator[str]:
    with served(lobby, unused_port) as address:
        yield address


def at_each_width(page: Page) -> Iterator[int]:
    """Makes a page as narrow as a phone, then as wide as a desk."""
    for width in (320, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        yield width


def opened(browser: Browser, *, forced_colours: bool = False) -> Page:
    size: ViewportSize = {"width": 320, "height": 844}
    if forced_colours:
        return browser.new_context(viewport=size, forced_colors="active").new_page()
    return browser.new_context(viewport=size).new_page()


def test_no_page_scrolls_sideways_with_text_of_twice_the_size(
    browser: Browser, address: str
) -> None:
    page = opened(browser)
    for path in PATHS:
        page.goto(address + path)
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        for details in page.locator("details").all():
            details.evaluate("it => { it.open = true }")
        for width in at_each_width(page):
            assert content_width(page) <= width, path
    page.context.close()


def test_no_link_or_button_is_too_low_to_hit(browser: Browser, address: str) -> None:
    page = opened(browser)
    for path in PATHS:
        page.goto(address + path)
        for width in at_each_width(page):
            assert page.evaluate(LOW_TARGETS) == [], (path, width)
    page.goto("data:text/html,<a href=/ style='font: 12px serif'>low</a>")
    assert page.evaluate(LOW_TARGETS) != []
    page.context.close()


def looks_of(element: Locator) -> bytes:
    return element.screenshot()


def test_a_progress_bar_shows_how_far_it_is_in_forced_colours(
    browser: Browser, address: str
) -> None:
    page = opened(browser, forced_colours=True)
    page.goto(f"{address}/petitions/{PETITION}")
    bar = page.locator("progress").first
    some = looks_of(bar)
    bar.evaluate("it => { it.value = 0 }")
    none = looks_of(bar)
    bar.evaluate("it => { it.value = it.max }")
    assert len({some, none, looks_of(bar)}) == 3
    page.context.close()


def test_the_ring_of_the_focus_lies_inside_a_summary(browser: Browser, address: str) -> None:
    page = opened(browser)
    page.goto(address + MPS)
    summary = page.locator("summary").first
    without = looks_of(summary)
    summary.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    assert summary.evaluate("it => it.matches(':focus-visible')")
    # A picture of an element ends at its border.
    assert looks_of(summary) != without
    assert summary.evaluate("it => parseFloat(getComputedStyle(it).outlineOffset)") <= -3
    page.context.close()


def test_the_mp_of_a_postcode_is_found_by_keyboard_without_scripts(
    browser: Browser, address: str
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address + MPS)
    page.get_by_label("Postcode").focus()
    page.keyboard.type(CAN_SIGN)
    page.keyboard.press("Enter")
    page.wait_for_url("**/mps/900001")
    assert page.get_by_role("heading", name="Has Morag Ferncastle signed?").is_visible()
    assert page.get_by_text("Morag Ferncastle hasn’t signed the motion yet.").is_visible()
    context.close()
