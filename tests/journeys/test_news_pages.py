"""Tests the pages of news in a real browser: on a small phone, and what a hostile text becomes."""

from collections.abc import Iterator
from datetime import date

import pytest
from playwright.sync_api import Browser, Dialog, Page

from models import EventKind
from services.assembly import Lobby
from services.campaigns import campaigns, events, news
from tests.support.browser import MARKS, PHONE, content_width, on_sqlite, served
from tests.support.common import CAMPAIGN, START

pytestmark = [
    *MARKS,
    pytest.mark.slow,
    on_sqlite,
]
HOSTILE = """<img src=x onerror=alert(1)> <svg onload=alert(1)>
</p></article><script>alert(1)</script>

- [a](javascript:alert(1)) [b](java&#x09;script:alert(1)) [c](https://a.example/"onmouseover="x)
- <a href='javascript:alert(1)'>d</a> &lt;img src=x onerror=alert(1)&gt; `<script>`
- [e](https://a.example/'><script>alert(1)</script>) <https://a.example/"><img src=x>

**<iframe srcdoc="x"></iframe>** ![f](data:text/html,x) [g](data:text/html,<script>)"""
LONG = "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch" * 3


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Opens a page 320 pixels wide without scripts."""
    context = browser.new_context(java_script_enabled=False, viewport=PHONE)
    yield context.new_page()
    context.close()


def test_news_and_dates_fit_a_small_phone(lobby: Lobby, unused_port: int, page: Page) -> None:
    address = f"https://a.example/{LONG}"
    body = f"{LONG} {address}\n\n- {LONG}\n  - **{LONG}**\n    1. [{LONG}]({address})"
    with lobby.database.write() as session:
        campaign = campaigns.by_slug(session, CAMPAIGN)
        news.add(session, campaign, title=LONG, body=body[:350], published_at=START, now=START)
        news.add(session, campaign, title="all", body=body, published_at=START, now=START)
        values = {
            "kind": EventKind.DELIVERY,
            "title": LONG,
            "place": LONG,
            "text": body,
            "day": date(2026, 7, 9),
            "link": address,
        }
        events.add(session, campaign, values=values, now=START)
    campaign_page = f"/campaigns/{CAMPAIGN}"
    with served(lobby, unused_port) as service:
        for path in (campaign_page, f"{campaign_page}/updates", f"{campaign_page}/updates/all"):
            page.goto(f"{service}{path}")
            width = content_width(page)
            assert width <= PHONE["width"], path


def test_a_hostile_text_becomes_text_in_a_browser(
    lobby: Lobby, unused_port: int, browser: Browser
) -> None:
    with lobby.database.write() as session:
        campaign = campaigns.by_slug(session, CAMPAIGN)
        news.add(session, campaign, title="x", body=HOSTILE, published_at=START, now=START)
    context = browser.new_context(bypass_csp=True)
    page = context.new_page()
    alarms: list[str] = []

    def note_alarm(dialog: Dialog) -> None:
        alarms.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", note_alarm)
    with served(lobby, unused_port) as service:
        page.goto(f"{service}/campaigns/{CAMPAIGN}/updates/x")
        found = page.evaluate(
            """() => [...document.querySelectorAll('article .story *')].map(element => [
                element.localName,
                [...element.attributes].map(attribute => attribute.name).join(' '),
                element.localName === 'a' ? element.protocol : '',
            ])"""
        )
    context.close()
    assert alarms == []
    assert {name for name, _, _ in found} <= {"p", "strong", "ul", "li", "a"}
    assert {tuple(rest) for name, *rest in found if name != "a"} == {("", "")}
    links = {tuple(rest) for name, *rest in found if name == "a"}
    assert links <= {("href rel", "https:")}
