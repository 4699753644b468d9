"""Fixtures that tests of several folders use; tests/conftest.py loads them as a plugin."""

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from email.message import EmailMessage

import pytest

from services.assembly import Lobby
from services.database.engine import Database
from tests.support.common import Mailbox
from tests.support.outside.webhook_receiver import Receiver, receiving


@pytest.fixture
def unused_port() -> int:
    """A port that was free just now."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of webhooks on loopback."""
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def deliver(lobby: Lobby) -> Callable[[], list[EmailMessage]]:
    """A function that delivers what is due, and returns the new mails."""
    return Mailbox(lobby).deliver


@pytest.fixture
def second_database(lobby: Lobby) -> Iterator[Database]:
    """The same database opened a second time, as another process would."""
    database = Database(lobby.database.url)
    yield database
    database.close()
