"""Tests the page of a campaign in a real browser: phones, keyboard, scripts off, and mistakes."""

from collections.abc import Callable, Iterator
from email.message import EmailMessage

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from tests.support.browser import MARKS, content_width, on_sqlite, served
from tests.support.campaigns import add_picture
from tests.support.common import CAMPAIGN, CAN_SIGN, PETITION, token_in
from tests.support.embeds import newest_signature
from tests.support.pages import confirmed_count

pytestmark = [*MARKS, pytest.mark.slow]
PAGE = f"/campaigns/{CAMPAIGN}"
LOWEST_FIRST_FIELD = 740
HERO_LINE = (
    "The NHS’s own staff bank saves hospitals £70 million a year. Ministers want to sell 75% of "
    "it. Sign, then ask your MP to help stop it."
)


@pytest.fixture
def address(lobby: Lobby, unused_port: int) -> Iterator[str]:
    """Serves the application, whose campaign has a picture, and yields its address."""
    add_picture(lobby, CAMPAIGN)
    with served(lobby, unused_port) as address:
        yield address


def opened(browser: Browser, url: str, width: int, height: int, *, scripts: bool = True) -> Page:
    viewport: ViewportSize = {"width": width, "height": height}
    page = browser.new_context(viewport=viewport, java_script_enabled=scripts).new_page()
    page.goto(url)
    return page


def fill(page: Page, *, postcode: str = CAN_SIGN) -> None:
    page.get_by_label("Full name").fill("Anna Example")
    page.get_by_label("Email", exact=True).fill("anna@example.org")
    page.get_by_label("Postcode", exact=True).fill(postcode)


@on_sqlite
@pytest.mark.parametrize("hero_line", ["", HERO_LINE])
def test_the_first_field_is_on_the_first_screen_of_a_phone(
    browser: Browser, address: str, lobby: Lobby, hero_line: str
) -> None:
    with lobby.database.write() as session:
        campaign = campaigns.by_slug(session, CAMPAIGN)
        campaigns.update(session, campaign, values={"hero_line": hero_line}, now=lobby.clock())
    page = opened(browser, address + PAGE, 390, 844)
    box = page.get_by_label("Full name").bounding_box()
    picture = page.locator(".hero .picture img").bounding_box()
    assert box
    assert picture
    assert box["y"] <= LOWEST_FIRST_FIELD
    assert (round(picture["width"]), round(picture["height"])) == (390, 219)
    button = page.get_by_role("button", name="Sign the petition").bounding_box()
    assert button
    assert button["y"] + button["height"] <= 2 * 844
    page.context.close()


@on_sqlite
def test_no_state_of_the_page_scrolls_sideways(
    browser: Browser, address: str, lobby: Lobby
) -> None:
    with lobby.database.write() as session:
        campaign = campaigns.by_slug(session, CAMPAIGN)
        values = {"hero_line": "Donaudampfschifffahrtsgesellschaftskapitänsmütze " * 2}
        campaigns.update(session, campaign, values=values, now=lobby.clock())
        petition = petitions.by_slug(session, PETITION)
        values = {"addressed_to": "the-Secretary-of-State-for-Health-and-Social-Care-and-more"}
        petitions.update(session, petition, values=values, now=lobby.clock())
    for path in (PAGE, "/"):
        page = opened(browser, address + path, 320, 700)
        assert_fits(page)
        if path == PAGE:
            page.get_by_role("button", name="Sign the petition").click()
            assert page.get_by_text("There is a problem").is_visible()
            assert_fits(page)
        page.context.close()


def assert_fits(page: Page) -> None:
    for width in (320, 390, 768, 1280):
        page.set_viewport_size({"width": width, "height": 700})
        assert content_width(page) <= width, (page.url, width)


@on_sqlite
def test_the_bar_with_sign_is_at_the_bottom_only_after_the_form_and_leads_to_it(
    browser: Browser, address: str
) -> None:
    page = opened(browser, address + PAGE, 390, 844)
    bar = page.locator(".stick")
    form = page.locator(".hero form")
    overlap = """() => {
        const bar = document.querySelector(".stick").getBoundingClientRect();
        const form = document.querySelector(".hero form").getBoundingClientRect();
        return bar.top < form.bottom;
    }"""
    assert page.evaluate("document.querySelector('.stick').getBoundingClientRect().top") > 844
    height = page.evaluate("document.documentElement.scrollHeight")
    for top in range(0, height, 200):
        page.evaluate(f"scrollTo(0, {top})")
        assert not page.evaluate(overlap), f"the bar covers the form at {top}"
    page.locator("h2", has_text="Why it matters").evaluate("(h) => h.scrollIntoView()")
    page.wait_for_function(
        "() => Math.abs(document.querySelector('.stick').getBoundingClientRect().bottom - 844) < 2"
    )
    bar.get_by_role("link", name="Sign the petition").click()
    expect(page.get_by_label("Full name")).to_be_focused()
    page.wait_for_function(
        "() => document.getElementById('name').getBoundingClientRect().top < 844"
    )
    assert form.is_visible()
    page.context.close()


@on_sqlite
@pytest.mark.parametrize("width", [320, 390])
def test_the_bar_never_covers_what_has_the_focus(
    browser: Browser, address: str, width: int
) -> None:
    page = opened(browser, address + PAGE, width, 640)
    covered = """() => {
        const focused = document.activeElement;
        const bar = document.querySelector(".stick");
        if (focused === document.body || bar.contains(focused)) return "";
        const [box, over] = [focused.getBoundingClientRect(), bar.getBoundingClientRect()];
        const isCovered = box.top < over.bottom && box.bottom > over.top;
        return isCovered ? focused.outerHTML.slice(0, 80) : "";
    }"""
    seen = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        assert page.evaluate(covered) == ""
        seen.add(page.evaluate("document.activeElement.outerHTML.slice(0, 200)"))
    assert len(seen) > 20, "the focus went through the page"
    page.context.close()


@on_sqlite
@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("scripts", [True, False])
def test_a_mistake_loses_nothing_and_the_source_reaches_the_signature(
    browser: Browser, address: str, lobby: Lobby, width: int, *, scripts: bool
) -> None:
    url = f"{address}/petitions/{PETITION}?utm_source=leaflet"
    page = opened(browser, url, width, 844, scripts=scripts)
    assert page.url == f"{address}{PAGE}?utm_source=leaflet"
    fill(page, postcode="SW1A OAA")
    page.get_by_label("No, thank you").check()
    page.get_by_label("I don’t live in the UK").uncheck()
    page.get_by_role("button", name="Sign the petition").click()
    summary = page.get_by_role("alert")
    assert summary.get_by_role("link", name="Enter a full UK postcode").is_visible()
    assert page.title().startswith("Error: Stop the sale")
    assert page.get_by_label("Full name").input_value() == "Anna Example"
    assert page.get_by_label("Email", exact=True).input_value() == "anna@example.org"
    assert page.get_by_label("Postcode", exact=True).input_value() == "SW1A OAA"
    assert page.get_by_label("No, thank you").is_checked()
    page.get_by_label("Postcode", exact=True).fill(CAN_SIGN)
    page.get_by_role("button", name="Sign the petition").click()
    page.wait_for_url("**/signed?sent=*")
    assert newest_signature(lobby).source == "leaflet"
    page.context.close()


@on_sqlite
def test_the_summary_of_problems_has_the_focus_and_leads_to_each_field(
    browser: Browser, address: str
) -> None:
    page = opened(browser, address + PAGE, 390, 844)
    page.get_by_role("button", name="Sign the petition").click()
    expect(page.locator(".problems")).to_be_focused()
    for name in ("name", "email", "postcode", "updates"):
        page.locator(f".problems a[href='#{name}']").click()
        expect(page.locator(f"#{name}")).to_be_focused()
        assert page.locator(f"#{name}-error").is_visible()
    page.context.close()


@on_sqlite
def test_somebody_signs_with_the_keyboard_alone(
    browser: Browser, address: str, deliver: Callable[[], list[EmailMessage]]
) -> None:
    deliver()
    page = opened(browser, address + PAGE, 390, 844)
    page.get_by_label("Full name").focus()
    for typed in ("Anna Example", "anna@example.org", CAN_SIGN):
        page.keyboard.type(typed)
        page.keyboard.press("Tab")
    page.keyboard.press("Tab")  # past the tick for people abroad, to the question
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    assert page.get_by_label("No, thank you").is_checked()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert not page.title().startswith("Error")
    (mail,) = deliver()
    assert token_in(mail, "confirm")
    page.context.close()


def test_two_presses_of_the_button_make_one_signature(
    browser: Browser, address: str, lobby: Lobby, deliver: Callable[[], list[EmailMessage]]
) -> None:
    before = confirmed_count(lobby)
    deliver()
    page = opened(browser, address + PAGE, 390, 844)
    fill(page)
    page.get_by_label("No, thank you").check()
    with page.expect_navigation():
        page.get_by_role("button", name="Sign the petition").dblclick()
    mails = deliver()
    assert mails
    for mail in mails:
        token = {"token": token_in(mail, "confirm")}
        assert page.request.post(f"{address}/v1/signatures/confirm", data=token).ok
    assert confirmed_count(lobby) == before + 1
    page.context.close()


@on_sqlite
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_the_mp_of_a_postcode_appears_without_moving_the_button(
    browser: Browser, address: str, width: int
) -> None:
    page = opened(browser, address + PAGE, width, 844)
    place = "document.querySelector('form button').getBoundingClientRect().top + scrollY"
    before = page.evaluate(place)
    page.get_by_label("Postcode", exact=True).fill(CAN_SIGN)
    expect(page.get_by_text("Morag Ferncastle is your MP.")).to_be_visible()
    assert page.evaluate(place) == before
    page.get_by_label("Postcode", exact=True).fill("SW1A")
    expect(page.get_by_text("We use it to find your MP.")).to_be_visible()
    page.context.close()
