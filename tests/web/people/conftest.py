"""Fixtures of tests with several organisers."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from models import Organiser
from services.assembly import Lobby
from tests.support.common import Mailbox
from tests.support.desk import DeskClient, sign_in_as
from tests.support.pages import Deliver

Visitor = Callable[..., DeskClient]


@pytest.fixture
def visitor(client: DeskClient, lobby: Lobby) -> Iterator[Visitor]:
    """Returns a function that makes another browser: of an organiser, or of nobody."""
    with ExitStack() as opened:

        def make(organiser: Organiser | None = None) -> DeskClient:
            browser = DeskClient(client.app, client=("127.0.0.1", 50001), follow_redirects=False)
            opened.callback(browser.close)
            if organiser is not None:
                sign_in_as(lobby, browser, organiser)
            return browser

        yield make


@pytest.fixture
def deliver(lobby: Lobby) -> Deliver:
    """Returns a function that delivers what is due, and returns the new emails."""
    mailbox = Mailbox(lobby)
    mailbox.deliver()
    return mailbox.deliver
