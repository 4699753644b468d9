"""Fixture of the browser for the journeys."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.browser import chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Starts the system's Chromium once for the tests of a file."""
    with chromium() as browser:
        yield browser
