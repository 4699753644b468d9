"""Tests the whole way from a link to a sent letter in a real browser."""

import re
from collections.abc import Callable, Iterator
from email.message import EmailMessage

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from services.assembly import Lobby
from tests.support.browser import MARKS, content_width, on_sqlite, served
from tests.support.common import CAMPAIGN, CAN_SIGN, token_in

pytestmark = [*MARKS, pytest.mark.slow]
Deliver = Callable[[], list[EmailMessage]]
WORDS = "My mother’s ward in Leith was four nurses short all winter."
MP = "morag.ferncastle@example.org"


@pytest.fixture
def address(lobby: Lobby, unused_port: int) -> Iterator[str]:
    """Serves the application and yields its address."""
    with served(lobby, unused_port) as address:
        yield address


def page_of(browser: Browser, width: int, *, scripts: bool) -> Page:
    size: ViewportSize = {"width": width, "height": 844}
    return browser.new_context(viewport=size, java_script_enabled=scripts).new_page()


def heading(page: Page) -> str:
    assert content_width(page) <= page.evaluate("innerWidth")
    return page.locator("h1").inner_text().replace("\n", " ")


@pytest.mark.parametrize(
    ("backend", "width", "scripts"),
    [
        *(("sqlite", width, scripts) for width in (320, 390, 1280) for scripts in (True, False)),
        ("postgresql", 390, True),
    ],
    indirect=["backend"],
)
def test_a_link_leads_to_a_sent_letter_with_one_email_and_five_new_fields(
    browser: Browser, address: str, deliver: Deliver, width: int, scripts: bool
) -> None:
    page = page_of(browser, width, scripts=scripts)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    deliver()

    page.goto(f"{address}/campaigns/{CAMPAIGN}?source=whatsapp")
    assert heading(page) == "Stop the sale of NHS Professionals"
    page.get_by_label("Full name").fill("Anna Example")
    page.get_by_label("Email", exact=True).fill("anna@example.org")
    page.get_by_label("Postcode", exact=True).fill(CAN_SIGN)
    if scripts:
        expect(page.get_by_text("Morag Ferncastle is your MP.")).to_be_visible()
    page.get_by_label("No, thank you").check()
    page.get_by_role("button", name="Sign the petition").click()
    assert heading(page) == "One more step: check your email"

    (mail,) = deliver()
    page.goto(f"{address}/confirm/{token_in(mail, 'confirm')}")
    assert heading(page) == "Confirm your signature"
    page.get_by_role("button", name="Confirm my signature").click()
    assert re.fullmatch(r"Thank you, Anna\. You’re number 361\.", heading(page))
    assert "Morag Ferncastle" in page.content()

    page.get_by_label("Why does this matter to you?").fill(WORDS)
    page.get_by_role("button", name="See my letter").click()
    assert heading(page) == "Write to Morag Ferncastle"
    assert WORDS in page.locator("#preview").inner_text()
    point = page.locator("input[name=points]").first
    point.check()
    text = page.locator(f"label[for={point.get_attribute('id')}]").inner_text()
    if scripts:
        expect(page.locator("#preview")).to_contain_text(text)
    page.get_by_role("button", name="Check before sending").click()
    assert heading(page) == "Check your letter, then send it"
    names = page.locator("form [name]:visible").evaluate_all("all => all.map((one) => one.name)")
    assert [name for name in names if name not in ("", "opened")] == [
        "line1",
        "line2",
        "town",
        "wants_copy",
    ]
    page.get_by_label("Address line 1").fill("1 Princes Street")
    page.get_by_label("Town or city").fill("Edinburgh")
    page.get_by_role("button", name="Send my letter").click()
    assert heading(page) == "Your letter is on its way"

    (letter,) = deliver()
    assert letter["To"] == MP
    body = letter.get_content()
    assert body.startswith("Dear Ms Ferncastle,")
    for part in (WORDS, text, "1 Princes Street", CAN_SIGN):
        assert part in body
    assert all(url.startswith(address) for url in requests), "nothing is loaded from elsewhere"
    page.context.close()


def tab_to(page: Page, name: str) -> None:
    """Presses Tab until an element with this accessible name has the focus."""
    page.wait_for_load_state("domcontentloaded")
    for _ in range(80):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            """() => {
                const one = document.activeElement;
                const label = one.labels && one.labels[0];
                return (label ? label.textContent : one.textContent).trim();
            }"""
        )
        if focused == name:
            return
    raise AssertionError(f"no Tab leads to '{name}'")


@on_sqlite
def test_the_whole_way_goes_by_keyboard_alone(
    browser: Browser, address: str, deliver: Deliver
) -> None:
    page = page_of(browser, 1280, scripts=True)
    deliver()
    page.goto(f"{address}/campaigns/{CAMPAIGN}")
    for label, text in (
        ("Full name", "Anna Example"),
        ("Email", "anna@example.org"),
        ("Postcode", CAN_SIGN),
    ):
        tab_to(page, label)
        page.keyboard.type(text)
    tab_to(page, "I don’t live in the UK")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowUp")  # from the first answer to the last one
    tab_to(page, "Sign the petition")
    page.keyboard.press("Enter")
    page.wait_for_url("**/signed?sent=*")

    (mail,) = deliver()
    page.goto(f"{address}/confirm/{token_in(mail, 'confirm')}")
    tab_to(page, "Confirm my signature")
    page.keyboard.press("Enter")
    page.wait_for_url("**/thanks/*")
    tab_to(page, "Why does this matter to you?")
    page.keyboard.type(WORDS)
    tab_to(page, "See my letter")
    page.keyboard.press("Enter")
    page.wait_for_url("**/letter")
    tab_to(page, "Check before sending")
    page.keyboard.press("Enter")
    page.wait_for_url("**/letter/check")
    for label, text in (("Address line 1", "1 Princes Street"), ("Town or city", "Edinburgh")):
        tab_to(page, label)
        page.keyboard.type(text)
    tab_to(page, "Send my letter")
    page.keyboard.press("Enter")
    page.wait_for_url("**/letters/confirm/*")
    (letter,) = deliver()
    assert WORDS in letter.get_content()
    page.context.close()
