"""A clock to set, mails to read, and names of the demonstration."""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import SQLModel, select

import worker
from services.assembly import Lobby
from services.demonstration import invented_campaign
from tools import real_parliament, settings

REAL_DATA = real_parliament.DATA
# That of the drills too: they start servers on databases of the tests.
SECRET = settings.SECRET
# The demonstration's own works only on loopback, and the tests' service is at http://testserver.
ORGANISERS_PASSWORD = "a password of the tests"
METRICS_TOKEN = "a-token-for-the-metrics"
METRICS = {"Authorization": f"Bearer {METRICS_TOKEN}"}
START = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
CAMPAIGN = "nhs-professionals"
PETITION = "keep-nhs-professionals-public"
# Postcodes of the demonstration's seats.
CAN_SIGN = "EH1 1YZ"  # Edinburgh East and Musselburgh: has not signed
SIGNED = "M1 1AE"  # Manchester Central: primary sponsor
MINISTER = "SW1A 0AA"  # Cities of London and Westminster
needs_real_data = pytest.mark.skipif(
    not REAL_DATA.is_dir(), reason="the real data in ../shared/data is not here"
)


@dataclass
class Clock:
    """A clock that stands still until a test moves it."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **parts: float) -> None:
        self.now += timedelta(**parts)


@dataclass
class Mailbox:
    """Delivers what is due, and knows which mails a test has already read."""

    lobby: Lobby
    _seen: set[str] = field(default_factory=set)

    def deliver(self) -> list[EmailMessage]:
        """Sorts and delivers what is due; returns the mails since the last call, oldest first."""
        worker.sort_submissions(self.lobby)
        while worker.deliver_due(self.lobby):
            pass
        folder = self.lobby.mail_folder
        assert folder is not None
        new = [file for file in sorted(folder.folder.glob("*.eml")) if file.name not in self._seen]
        self._seen.update(file.name for file in new)
        parser = BytesParser(policy=default)
        return [_message(parser, file) for file in new]


def _message(parser: "BytesParser[EmailMessage]", file: Path) -> EmailMessage:
    with file.open("rb") as stream:
        return parser.parse(stream)


def rows_of(lobby: Lobby, tables: Sequence[type[SQLModel]]) -> dict[str, list[dict[str, Any]]]:
    """Returns all rows of some tables, each table in a stable order."""
    with lobby.database.read() as session:
        return {
            table.__name__: sorted(
                (row.model_dump(mode="json") for row in session.exec(select(table))), key=str
            )
            for table in tables
        }


def import_real_members(lobby: Lobby) -> None:
    """Imports the 650 seats and their members from the real files."""
    with lobby.database.write() as session:
        real_parliament.load_members(session, lobby.clock())


def text_of(message: EmailMessage) -> str:
    """Returns the plain text of a mail, with \n as its line ends."""
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def html_of(message: EmailMessage) -> str:
    """Returns the HTML part of a mail, with \n as its line ends."""
    body = message.get_body(("html",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def types_of(message: EmailMessage) -> list[str]:
    """Returns the types of a mail's parts, in their order."""
    return [part.get_content_type() for part in message.walk() if not part.is_multipart()]


def soon(condition: Callable[[], bool]) -> None:
    """Waits up to 30 seconds for something that another thread is about to do."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.001)


def token_in(message: EmailMessage, path: str) -> str:
    """Returns the token of the link to `path` in a mail."""
    match = re.search(rf"/{path}/(\S+)", text_of(message))
    assert match, f"no link to {path} in:\n{text_of(message)}"
    return match.group(1)


def postcode_lookup_file(folder: Path) -> Path:
    """Builds the demonstration's postcode directory."""
    from services.postcodes.ons_import import import_postcodes

    target = folder / "postcodes.bin"
    import_postcodes(invented_campaign.POSTCODES, target)
    return target
