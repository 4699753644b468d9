"""Runs axe on each public page in each state once; `make drill` does it at every width, in both
schemes."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from drills.pages import Pages, serve_and_visit
from services.assembly import Lobby
from tests.support.browser import MARKS, chromium, on_sqlite
from tools import desk_pages, public_pages
from tools.public_pages import SCHEMES, STAGES, WIDTHS
from web.base.errors import HEADINGS

ERRORS = {*HEADINGS.values(), "Something went wrong", "This link doesn’t work"}
MEANT = {"embed, not found", "not found", "broken link", "expired link"}
pytestmark = [
    *MARKS,
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@on_sqlite
def test_axe_finds_nothing_on_any_page_in_any_state(browser: Browser, lobby: Lobby) -> None:
    report = serve_and_visit(browser, lobby, whole=False)
    assert report.findings == []
    assert report.too_wide == []
    assert report.opened == len(report.headings) == sum(len(stage.pages) for stage in STAGES)
    # Each state was reached: no page is an error but those that are meant to be.
    errors = {name for name, heading in report.headings.items() if heading in ERRORS}
    assert errors == {f"{name} (open)" for name in MEANT}
    assert report.headings["thank you (open)"] != report.headings["confirm (open)"]


@on_sqlite
def test_axe_finds_nothing_on_any_page_of_the_desk(browser: Browser, lobby: Lobby) -> None:
    report = serve_and_visit(browser, lobby, Pages.DESK, whole=False)
    assert report.findings == []
    assert report.too_wide == []
    states = sum(len(stage.pages) for stage in desk_pages.STAGES)
    assert report.opened == len(report.headings) == states
    errors = {name for name, heading in report.headings.items() if heading in ERRORS}
    assert errors == {"not allowed (busy)", "not found (busy)"}


@pytest.mark.parametrize(
    ("html", "rule"),
    [
        ('<img src="data:,">', "image-alt"),
        ('<p style="color: #999">Too pale to read</p>', "color-contrast"),
        ('<button style="height: 12px; padding: 0; font-size: 8px">a</button>' * 3, "target-size"),
    ],
)
def test_what_is_wrong_is_found(browser: Browser, html: str, rule: str) -> None:
    assert rule in rules_of(browser, html)


def rules_of(browser: Browser, html: str) -> set[str]:
    page_html = f'<!doctype html><html lang="en"><title>x</title><main><h1>x</h1>{html}</main>'
    with public_pages.visitors(browser) as page_of:
        page = page_of(WIDTHS[0], SCHEMES[0])
        page.set_content(page_html)
        return {finding.rule for finding in public_pages.axe_findings(page, "x", 320, "light")}
