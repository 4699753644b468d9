"""The application behind a real HTTP server, and the system's Chromium."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from main import create_app
from services.assembly import Lobby
from tools.chromium import CHROMIUM, QUIET
from tools.live_service import http_server

PHONE: ViewportSize = {"width": 320, "height": 640}
MARKS = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed on this machine"),
]
# For tests of what a browser shows: the pages are the same on every database.
on_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
_OWN_SCRIPT = re.compile(r"http://(127\.0\.0\.1|localhost):\d+/static/enhance\.[0-9a-f]{12}\.js")


@contextmanager
def served(lobby: Lobby, port: int) -> Iterator[str]:
    """Yields the URL of the application."""
    app = create_app(lobby.settings, lobby=lobby)
    with http_server(app, port, log_level="error") as url:
        yield url


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yields a headless browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


def other_scripts(page: Page) -> list[str]:
    """Returns the scripts of a page, but for the one that makes our pages nicer."""
    found = page.evaluate("[...document.scripts].map((one) => one.src || one.outerHTML)")
    return [script for script in found if not _OWN_SCRIPT.fullmatch(script)]


def content_width(page: Page) -> int:
    """Returns the width of a page in px, when it is read: wider than the window, it scrolls."""
    page.wait_for_load_state("domcontentloaded")
    width: int = page.evaluate("document.documentElement.scrollWidth")
    return width
