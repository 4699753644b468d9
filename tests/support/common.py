"""What tests share: a clock to set, mails to read, and the demonstration's names."""

import re
from collections.abc import Sequence
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
from services.parliament import constituencies, members

REAL_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SECRET = "a secret of the tests that is long enough to be one"
START = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
CAMPAIGN = "nhs-professionals"
PETITION = "keep-nhs-professionals-public"
# Seats of the demonstration: one of every standing and eligibility.
CAN_SIGN = "EH1 1YZ"  # Edinburgh East and Musselburgh: has not signed
SIGNED = "M1 1AE"  # Manchester Central: primary sponsor
MINISTER = "SW1A 0AA"  # Cities of London and Westminster
needs_real_data = pytest.mark.skipif(
    not REAL_DATA.is_dir(), reason="the real data in ../shared/data is not here"
)


@dataclass
class Clock:
    """The time, as the tests say."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **parts: float) -> None:
        """Let time pass."""
        self.now += timedelta(**parts)


@dataclass
class Post:
    """Delivers what is due and remembers which mails were read already."""

    lobby: Lobby
    _seen: set[str] = field(default_factory=set)

    def deliver(self) -> list[EmailMessage]:
        """Everything that is due; the mails that are new since the last call, oldest first."""
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
    """Everything in some tables, in an order of its own."""
    with lobby.database.read() as session:
        return {
            table.__name__: sorted(
                (row.model_dump(mode="json") for row in session.exec(select(table))), key=str
            )
            for table in tables
        }


def seat_the_real_house(lobby: Lobby) -> None:
    """All 650 seats with their members, from the real files."""
    today = lobby.clock().date()
    with lobby.database.write() as session:
        constituencies.import_csv(session, REAL_DATA / "parliament" / "constituencies.csv")
        members.import_csv(session, REAL_DATA / "parliament" / "mps.csv", today=today)


def text_of(message: EmailMessage) -> str:
    """The text of a mail, with newlines."""
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def token_in(message: EmailMessage, path: str) -> str:
    """The token of the link to `path` in a mail."""
    found = re.search(rf"/{path}/(\S+)", text_of(message))
    assert found, f"no link to {path} in:\n{text_of(message)}"
    return found.group(1)


def postcode_lookup_file(folder: Path) -> Path:
    """The demonstration's postcode directory, built once a run."""
    from services.postcodes.ons_import import import_postcodes

    target = folder / "postcodes.bin"
    import_postcodes(invented_campaign.POSTCODES, target)
    return target
