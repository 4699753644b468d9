"""Tests signing under load in a real browser, with and without a proof of work."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, expect

from services.assembly import Lobby
from tests.support.browser import MARKS, PHONE, content_width, on_sqlite, served
from tests.support.common import CAMPAIGN, CAN_SIGN, PETITION

pytestmark = [*MARKS, pytest.mark.slow]
# Each form, and where it leads when it has been taken.
FORMS = [
    (f"/campaigns/{CAMPAIGN}", re.compile(rf"/campaigns/{CAMPAIGN}/signed\?sent=")),
    (f"/embed/{PETITION}", re.compile(rf"/embed/{PETITION}/check-your-mail$")),
]


@pytest.fixture
def address(lobby: Lobby, unused_port: int) -> Iterator[str]:
    """Serves the application with a limit of one signature a minute without a proof."""
    crowded = lobby.settings.model_copy(update={"posts_per_petition": 1})
    with served(replace(lobby, settings=crowded), unused_port) as address:
        yield address


def page_of(browser: Browser, *, scripts: bool) -> Page:
    return browser.new_context(java_script_enabled=scripts, viewport=PHONE).new_page()


def sign(page: Page, address: str, name: str) -> None:
    page.goto(address)
    page.get_by_label("Full name").fill(name)
    page.get_by_label("Email", exact=True).fill(f"{name.lower()}@example.org")
    page.get_by_label("Postcode", exact=True).fill(CAN_SIGN)
    page.get_by_label("No, thank you").check()
    page.get_by_role("button", name="Sign the petition").click()


@on_sqlite
@pytest.mark.parametrize(("form", "after"), FORMS)
def test_a_browser_proves_its_work_by_itself(
    browser: Browser, address: str, form: str, after: re.Pattern[str]
) -> None:
    page = page_of(browser, scripts=True)
    troubles: list[str] = []
    page.on(
        "console", lambda entry: troubles.append(entry.text) if "Policy" in entry.text else None
    )
    page.on("pageerror", lambda error: troubles.append(str(error)))
    sign(page, f"{address}{form}", "First")
    expect(page).to_have_url(after)
    sign(page, f"{address}{form}", "Second")
    expect(page).to_have_url(after, timeout=60_000)
    assert troubles == []
    page.context.close()


@on_sqlite
@pytest.mark.parametrize(("form", "after"), FORMS)
def test_without_scripts_the_form_comes_back_as_it_was(
    browser: Browser, address: str, form: str, after: re.Pattern[str]
) -> None:
    page = page_of(browser, scripts=False)
    sign(page, f"{address}{form}", "First")
    expect(page).to_have_url(after)
    sign(page, f"{address}{form}", "Second")
    assert page.get_by_text("Lots of people are signing at the moment").first.is_visible()
    assert page.get_by_label("Full name").input_value() == "Second"
    assert not page.get_by_text("Checking that you’re a person").is_visible()
    assert content_width(page) <= PHONE["width"]
    page.context.close()
