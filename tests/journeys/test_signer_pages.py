"""Tests the pages from the sent form to the thank-you page in a real browser."""

from collections.abc import Callable, Iterator
from email.message import EmailMessage

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

from services.assembly import Lobby
from services.common.tokens import Purpose
from services.signatures import signature_states
from tests.support.browser import MARKS, content_width, on_sqlite, other_scripts, served
from tests.support.common import CAMPAIGN, CAN_SIGN, PETITION, token_in
from tests.support.pages import VACANT, confirmed_count

pytestmark = [*MARKS, pytest.mark.slow]
Deliver = Callable[[], list[EmailMessage]]
LONG_NAME = (
    "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichenverleihungsurkundenüberreichung"
)


@pytest.fixture
def address(lobby: Lobby, unused_port: int) -> Iterator[str]:
    """Serves the application and yields its address."""
    with served(lobby, unused_port) as address:
        yield address


def context_of(browser: Browser, width: int = 390, *, scripts: bool = True) -> BrowserContext:
    viewport: ViewportSize = {"width": width, "height": 844}
    return browser.new_context(viewport=viewport, java_script_enabled=scripts)


def sign(page: Page, address: str, email: str, **fields: str) -> None:
    """Sends the form, and opens the page after it."""
    form = {"name": "Anna Example", "email": email, "postcode": CAN_SIGN, "updates": "no", **fields}
    answer = page.request.post(f"{address}/petitions/{PETITION}/sign", form=form)  # type: ignore[arg-type] # texts
    page.goto(answer.url)


def mail_to(email: str, deliver: Deliver) -> EmailMessage:
    (mail,) = [mail for mail in deliver() if mail["To"] == email]
    return mail


@on_sqlite
@pytest.mark.parametrize("scripts", [True, False])
def test_a_signer_asks_again_confirms_goes_back_and_is_forgotten(
    browser: Browser, address: str, deliver: Deliver, *, scripts: bool
) -> None:
    context = context_of(browser, 320, scripts=scripts)
    page = context.new_page()
    sign(page, address, "anna@example.org")
    assert page.get_by_text("a…@example.org").is_visible()
    first = mail_to("anna@example.org", deliver)
    page.get_by_role("button", name="Send it again").click()
    assert page.get_by_text("If the address is right, the email is on its way again.").is_visible()
    assert page.get_by_role("button", name="Send it again").count() == 0
    second = mail_to("anna@example.org", deliver)

    page.goto(f"{address}/confirm/{token_in(second, 'confirm')}")
    page.get_by_role("button", name="Confirm my signature").click()
    assert page.url.startswith(f"{address}/thanks/")
    assert page.get_by_role("heading", name="Thank you, Anna").is_visible()
    assert page.get_by_role("heading", name="Morag Ferncastle").is_visible()

    page.goto(f"{address}/campaigns/{CAMPAIGN}")
    page.go_back()
    assert page.get_by_role("heading", name="Thank you, Anna").is_visible()
    page.reload()
    assert page.get_by_role("heading", name="Thank you, Anna").is_visible()

    page.get_by_role("button", name="Forget me on this device").click()
    assert page.get_by_text("This device has forgotten you.").is_visible()
    page.go_back()
    assert "Anna" not in page.content(), "nobody goes back to the signer's page"

    page.goto(f"{address}/confirm/{token_in(first, 'confirm')}")
    page.get_by_role("button", name="Continue").click()
    assert page.get_by_role("heading", name="Thank you, Anna").is_visible()
    context.close()


@on_sqlite
def test_the_way_works_with_the_keyboard_alone(
    browser: Browser, address: str, deliver: Deliver
) -> None:
    context = context_of(browser)
    page = context.new_page()
    sign(page, address, "anna@example.org")
    mail = mail_to("anna@example.org", deliver)
    press(page, "Send it again")
    assert page.get_by_text("on its way again").is_visible()
    page.goto(f"{address}/confirm/{token_in(mail, 'confirm')}")
    press(page, "Confirm my signature")
    assert page.get_by_role("heading", name="Thank you, Anna").is_visible()
    press(page, "Forget me on this device")
    assert page.get_by_text("This device has forgotten you.").is_visible()
    context.close()


def press(page: Page, name: str) -> None:
    """Goes to a button with the tab key, and presses it."""
    page.wait_for_load_state("domcontentloaded")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == name:
            with page.expect_navigation():
                page.keyboard.press("Enter")
            return
    raise AssertionError(f"the tab key does not reach {name!r}")


def test_a_second_device_continues_and_a_stranger_sees_nobody(
    browser: Browser, address: str, deliver: Deliver, lobby: Lobby
) -> None:
    phone, laptop, stranger = (context_of(browser) for _ in range(3))
    page = phone.new_page()
    sign(page, address, "anna@example.org")
    link = f"{address}/confirm/{token_in(mail_to('anna@example.org', deliver), 'confirm')}"
    page.goto(link)
    page.get_by_role("button", name="Confirm my signature").click()
    thanks, count = page.url, confirmed_count(lobby)

    elsewhere = laptop.new_page()
    elsewhere.goto(link)
    elsewhere.get_by_role("button", name="Continue").click()
    assert elsewhere.get_by_role("heading", name="Thank you, Anna").is_visible()
    assert confirmed_count(lobby) == count

    other = stranger.new_page()
    other.goto(thanks)
    assert "Anna" not in other.content()
    assert other.locator("form").count() == 0
    assert other.get_by_text("Is this you?").is_visible()
    for context in (phone, laptop, stranger):
        context.close()


@on_sqlite
def test_no_page_of_a_signer_scrolls_sideways_or_has_a_script_of_its_own(
    browser: Browser, address: str, lobby: Lobby, deliver: Deliver
) -> None:
    context, others = context_of(browser), context_of(browser)
    page = context.new_page()
    for postcode, email in ((CAN_SIGN, "anna@example.org"), (VACANT, "ben@example.org")):
        sign(page, address, f"{'x' * 60}{email}", postcode=postcode, name=LONG_NAME)
        assert_fits(page)
        mail = mail_to(f"{'x' * 60}{email}", deliver)
        token = token_in(mail, "confirm")
        paths = [f"/{path}/{token_in(mail, path)}" for path in ("confirm", "withdraw", "disown")]
        for path in paths:
            page.goto(address + path)
            assert_fits(page)
        page.goto(f"{address}/confirm/{token}")
        page.get_by_role("button", name="Confirm my signature").click()
        assert_fits(page)
        stranger = others.new_page()
        stranger.goto(f"{page.url}?forgotten=yes")
        assert_fits(stranger)
        thanks = page.url
        with lobby.database.write() as session:
            row_id = lobby.tokens.read(Purpose.CONFIRM, token)
            signature_states.withdraw(session, row_id, now=lobby.clock())
        for path in (*paths, thanks.removeprefix(address)):
            page.goto(address + path)
            assert_fits(page)
    for each in (context, others):
        each.close()


def assert_fits(page: Page) -> None:
    for width in (320, 390, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        assert content_width(page) <= width, (page.url, width)
    assert other_scripts(page) == []
