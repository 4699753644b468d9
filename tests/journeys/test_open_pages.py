"""Tests in a browser that a page of the desk that stays open keeps its figures up to date."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from models import MotionEventKind
from services.assembly import Lobby
from services.demonstration import invented_campaign
from tests.support.browser import MARKS, PHONE, on_sqlite, served
from tests.support.common import CAMPAIGN, ORGANISERS_PASSWORD, Clock
from tests.support.home import name_on_motion
from tests.support.signatures import sign_and_confirm
from tests.support.webhooks import ANNA
from web.base.static_files import STATIC

pytestmark = [*MARKS, pytest.mark.slow]
HALF_A_MINUTE = 30_500


@pytest.fixture
def address(lobby: Lobby, unused_port: int) -> Iterator[str]:
    """Serves the application and yields its address."""
    with served(lobby, unused_port) as address:
        yield address


def test_the_script_is_at_most_two_kilobytes() -> None:
    assert (STATIC / "desk.js").stat().st_size <= 2048


def opened(browser: Browser, address: str, path: str = "") -> Page:
    """Signs in, and opens a page of the campaign with a clock that the test turns."""
    page = browser.new_context(viewport=PHONE, base_url=address).new_page()
    page.goto("/sign-in")
    page.get_by_label("Email").fill(invented_campaign.ORGANISER)
    page.get_by_label("Password").fill(ORGANISERS_PASSWORD)
    page.get_by_role("main").get_by_role("button").first.click()
    page.wait_for_url("**/organiser")
    page.clock.install()
    page.goto(f"/organiser/campaigns/{CAMPAIGN}{path}")
    return page


@on_sqlite
def test_figures_change_in_place_and_one_link_counts_changes(
    browser: Browser, address: str, lobby: Lobby, clock: Clock
) -> None:
    page = opened(browser, address)
    signed = page.locator("[data-live=signed]")
    refresh = page.locator(".refresh")
    expect(signed).to_have_text("4")
    expect(refresh).to_have_text("Refresh")
    tall = page.evaluate("document.documentElement.scrollHeight")

    # While somebody types, nothing changes.
    clock.advance(minutes=1)
    name_on_motion(lobby, MotionEventKind.SIGNED)
    page.get_by_text("Change the goal").click()
    goal = page.get_by_label("How many MPs do you want on the motion?")
    goal.fill("7")
    page.clock.run_for(HALF_A_MINUTE)
    page.get_by_role("heading", level=1).click()  # the focus is elsewhere, the text is still there
    page.clock.run_for(HALF_A_MINUTE)
    expect(signed).to_have_text("4")

    goal.fill("6")
    page.get_by_text("Change the goal").click()
    page.get_by_role("heading", level=1).click()
    with page.expect_response("**/pulse?*") as answer:
        page.clock.run_for(HALF_A_MINUTE)
    assert answer.value.status == 200
    expect(signed).to_have_text("5")
    expect(page.locator("[data-live=left]")).to_have_text("2")
    expect(refresh).to_contain_text("1 change since ")
    expect(page.get_by_role("status")).to_contain_text("1 change since ")
    assert page.evaluate("document.documentElement.scrollHeight") == tall

    # No news: the answer is empty.
    with page.expect_response("**/pulse?*") as answer:
        page.clock.run_for(HALF_A_MINUTE)
    assert answer.value.status == 304

    # The server is away: the figures stay, and the third failure is said.
    page.route("**/pulse?*", lambda route: route.abort())
    for _ in range(3):
        with page.expect_event("requestfailed"):
            page.clock.run_for(HALF_A_MINUTE)
    expect(refresh).to_contain_text("No new figures since ")
    expect(signed).to_have_text("5")
    page.unroute("**/pulse?*")
    with page.expect_response("**/pulse?*"):
        page.clock.run_for(2 * 60_000)  # it waits for two minutes now
    expect(refresh).to_contain_text("1 change since ")

    refresh.click()
    page.wait_for_load_state()
    expect(refresh).to_have_text("Refresh")
    expect(page.locator(".changes")).to_contain_text(" signed.")


@on_sqlite
def test_the_figure_of_the_petition_room_changes_and_no_change_is_counted(
    browser: Browser, address: str, lobby: Lobby, clock: Clock
) -> None:
    page = opened(browser, address, "/petition")
    figure = page.locator("[data-live=signatures]")
    before = int(figure.inner_text())
    clock.advance(minutes=1)
    name_on_motion(lobby, MotionEventKind.SIGNED)
    sign_and_confirm(lobby, ANNA)
    with page.expect_response("**/pulse"):
        page.clock.run_for(HALF_A_MINUTE)
    expect(figure).to_have_text(str(before + 1))
    expect(page.locator(".refresh")).to_have_text("Refresh")
