"""Tests in a real browser that nothing which somebody types into a letter is lost."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, BrowserContext, Page

from services.assembly import Lobby
from tests.support.browser import MARKS, PHONE, content_width, on_sqlite, served
from tests.support.common import CAMPAIGN, CAN_SIGN
from tests.support.letters import Signer, confirmed_signer, stored_draft
from tests.support.pages import Deliver
from web.base.signer_cookies import COOKIE

pytestmark = [*MARKS, pytest.mark.slow]
OWN = "My mother was nursed on Ward 12, and I saw how few staff there were at night."
OWN_WORDS = "Why does this matter to you?"


@pytest.fixture
def address(lobby: Lobby, unused_port: int) -> Iterator[str]:
    """Serves the application and yields its address."""
    with served(lobby, unused_port) as address:
        yield address


@pytest.fixture
def signer(client: TestClient, deliver: Deliver, lobby: Lobby) -> Signer:
    return confirmed_signer(client, deliver, lobby)


@pytest.fixture
def device(browser: Browser, address: str, signer: Signer) -> Iterator[BrowserContext]:
    """The browser that confirmed the signature, on a phone without scripts."""
    with_cookie = a_device(browser, address, signer)
    yield with_cookie
    with_cookie.close()


def a_device(browser: Browser, address: str, signer: Signer) -> BrowserContext:
    context = browser.new_context(java_script_enabled=False, viewport=PHONE)
    domain = address.split("/")[2].split(":", maxsplit=1)[0]
    context.add_cookies(
        [
            {
                "name": COOKIE,
                "value": signer.cookie,
                "domain": domain,
                "path": signer.thanks,
                "httpOnly": True,
                "sameSite": "Lax",
            }
        ]
    )
    return context


def own_words(page: Page) -> str:
    return page.get_by_label(OWN_WORDS).input_value()


def test_a_signer_writes_checks_and_sends_once_without_a_second_mail(
    device: BrowserContext, address: str, signer: Signer, deliver: Deliver
) -> None:
    page = device.new_page()
    page.goto(f"{address}{signer.letter}")
    page.get_by_label(OWN_WORDS).fill(OWN)
    page.get_by_label("NHS Professionals saves the NHS").check()
    page.get_by_role("button", name="Check before sending").click()
    assert page.url == f"{address}{signer.check}"
    assert OWN in page.content()
    page.get_by_role("button", name="Send my letter").click()
    assert page.get_by_role("link", name="Enter address line 1").is_visible()
    page.get_by_label("Address line 1").fill("1 Princes Street")
    page.get_by_label("Town or city").fill("Edinburgh")
    page.get_by_label("Email me a copy").check()
    page.get_by_role("button", name="Send my letter").click()
    assert page.get_by_role("heading", name="Your letter is on its way").is_visible()
    page.go_back()  # to the answer that named the mistakes
    page.get_by_role("button", name="Send my letter").click()
    assert page.get_by_role("heading", name="Your letter is on its way").is_visible()
    page.goto(f"{address}{signer.letter}")
    assert page.get_by_role("heading", name="Your letter is on its way").is_visible()
    assert len(deliver()) == 2, "the letter and its copy, and no mail to confirm it"


@on_sqlite
def test_back_from_a_letter_that_was_sent_shows_that_it_was_sent(
    device: BrowserContext, address: str, signer: Signer, deliver: Deliver
) -> None:
    page = device.new_page()
    page.goto(f"{address}{signer.check}")
    page.get_by_label("Address line 1").fill("1 Princes Street")
    page.get_by_label("Town or city").fill("Edinburgh")
    page.get_by_role("button", name="Send my letter").click()
    page.go_back()
    assert page.get_by_role("heading", name="Your letter is on its way").is_visible()
    assert len(deliver()) == 1


@on_sqlite
def test_what_a_signer_types_survives_back_a_reload_a_killed_tab_and_another_device(
    browser: Browser, device: BrowserContext, address: str, signer: Signer, lobby: Lobby
) -> None:
    page = device.new_page()
    page.goto(f"{address}{signer.letter}")
    page.get_by_label(OWN_WORDS).fill(OWN)
    page.get_by_role("link", name="Accessibility").click()  # without any button
    page.wait_for_url("**/accessibility")  # Chromium can't go back while a page is on its way
    page.go_back()
    assert own_words(page) == OWN
    page.get_by_role("button", name="Check before sending").click()
    page.wait_for_url(f"{address}{signer.check}*")
    page.go_back()
    assert own_words(page) == OWN
    page.get_by_label(OWN_WORDS).fill(f"{OWN} And more.")
    page.get_by_role("button", name="Update my letter").click()
    assert stored_draft(lobby, signer).content.others == (), "'Back' is no other device"
    page.reload()
    assert own_words(page) == f"{OWN} And more."
    page.close()
    page = device.new_page()
    page.goto(f"{address}{signer.letter}")
    assert own_words(page) == f"{OWN} And more."
    other = a_device(browser, address, signer)
    second = other.new_page()
    second.goto(f"{address}{signer.letter}")
    assert own_words(second) == f"{OWN} And more."
    second.get_by_label(OWN_WORDS).fill("From my laptop.")
    second.get_by_role("button", name="Update my letter").click()
    other.close()
    page.get_by_label(OWN_WORDS).fill("From my phone.")
    page.get_by_role("button", name="Update my letter").click()
    assert own_words(page) == "From my laptop."
    assert page.get_by_text("From my phone.").is_visible()
    page.get_by_role("button", name="Add it to my own words").click()
    assert own_words(page) == "From my laptop.\n\nFrom my phone."
    page.get_by_role("button", name="Change the whole text").click()
    assert "From my phone." in page.get_by_label("The whole letter").input_value()
    page.get_by_role("button", name="Start again from the campaign").click()
    assert own_words(page) == "From my laptop.\n\nFrom my phone."


@on_sqlite
def test_a_device_without_the_cookie_shows_nothing(
    browser: Browser, device: BrowserContext, address: str, signer: Signer
) -> None:
    page = device.new_page()
    page.goto(f"{address}{signer.letter}")
    page.get_by_label(OWN_WORDS).fill(OWN)
    page.get_by_role("button", name="Update my letter").click()
    stranger = browser.new_context()
    other = stranger.new_page()
    for path in (signer.letter, signer.check):
        other.goto(f"{address}{path}")
        assert other.url == f"{address}{signer.thanks}"
        assert OWN not in other.content()
        assert "Anna" not in other.content()
    stranger.close()


@on_sqlite
def test_what_somebody_types_who_has_not_signed_survives_a_link_and_back(
    browser: Browser, address: str
) -> None:
    context = browser.new_context(java_script_enabled=False, viewport=PHONE)
    page = context.new_page()
    page.goto(f"{address}/campaigns/{CAMPAIGN}/letter")
    page.get_by_label("Postcode").fill(CAN_SIGN)
    page.get_by_role("button", name="Find my MP").click()
    page.get_by_label(OWN_WORDS).fill(OWN)
    page.get_by_label("Address line 1").fill("1 Princes Street")
    page.get_by_role("link", name="Keep NHS Professionals public").click()
    page.go_back()
    assert own_words(page) == OWN
    assert page.get_by_label("Address line 1").input_value() == "1 Princes Street"
    page.get_by_role("button", name="Update my letter").click()
    assert f"constituents. {OWN}" in page.locator(".letter").inner_text()
    assert page.get_by_label("Address line 1").input_value() == "1 Princes Street"
    page.get_by_role("button", name="Change the whole text").click()
    page.get_by_label("The whole letter").fill("All of it is mine, and nobody else wrote it. " * 2)
    page.get_by_role("button", name="Start again from the campaign").click()
    assert own_words(page) == OWN
    assert page.get_by_text("All of it is mine").is_visible()
    assert content_width(page) <= PHONE["width"]
    context.close()
