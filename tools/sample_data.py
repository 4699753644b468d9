"""Databases with the demonstration, and many letters or signatures written straight into them."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

import worker
from models import Campaign, Letter, LetterState, MessageKind, MessageState, OutboxMessage
from models.base import new_id, table_of
from services.assembly import Lobby
from services.database import secret_keys
from services.demonstration import invented_campaign
from services.mail import outbox
from services.postcodes import ons_import
from services.signatures import recording
from services.signatures.recording import SignatureRequest
from services.supporters import supporters

AT_ONCE = 1000
_letter = table_of(Letter)
_campaign = table_of(Campaign)
_outbox = table_of(OutboxMessage)


def queue_letters(lobby: Lobby, letters: int) -> None:
    """Fills an empty database until `letters` confirmed letters wait to be sent.

    Each is a copy of a letter of the demonstration, from a supporter of its own.
    """
    load_demonstration(lobby)
    now = lobby.clock()
    with lobby.database.write() as session:
        # The campaign's limits would only make a drill take longer.
        session.connection().execute(
            sa.update(_campaign).values(letters_per_hour=None, letters_per_member_day=None)
        )
        patterns, organisation_id = _patterns(session)
    missing = letters - len(patterns)
    for start in range(0, missing, AT_ONCE):
        numbers = range(start, min(start + AT_ONCE, missing))
        with lobby.database.write() as session:
            _copy(session, lobby, patterns, organisation_id, numbers, now)


def queue_confirmations(lobby: Lobby, people: int) -> None:
    """Fills an empty database until `people` mails that ask to confirm a signature wait to be sent.

    No other message waits.
    """
    load_demonstration(lobby)
    worker.sort_submissions(lobby)
    with lobby.database.write() as session:
        session.connection().execute(sa.update(_outbox).values(state=MessageState.DROPPED))
    for start in range(0, people, AT_ONCE):
        numbers = range(start, min(start + AT_ONCE, people))
        slug = invented_campaign.about().petition
        requests = [
            SignatureRequest(slug, "Anna Example", f"drill{number}@example.org", "EH1 1YZ")
            for number in numbers
        ]
        with lobby.database.write() as session:
            lookup, keyring, now = lobby.postcodes.lookup, lobby.keyring, lobby.clock()
            recording.record(session, requests, postcodes=lookup, keyring=keyring, now=now)
        worker.sort_submissions(lobby)


def load_demonstration(lobby: Lobby) -> None:
    """Gives an empty database its schema and loads the demonstration."""
    secret_keys.prepare(lobby.database, lobby.keyring, now=lobby.clock())
    ons_import.import_postcodes(invented_campaign.POSTCODES, lobby.settings.postcode_file)
    with lobby.database.write() as session:
        lookup, now = lobby.postcodes.lookup, lobby.clock()
        invented_campaign.load(session, postcodes=lookup, keyring=lobby.keyring, now=now)


def _patterns(session: Session) -> tuple[list[dict[str, Any]], UUID]:
    """Returns the queued letters of the demonstration, and the id of their organisation."""
    waiting = sa.select(_letter).where(_letter.c.state == LetterState.QUEUED)
    rows = [dict(row) for row in session.connection().execute(waiting).mappings()]
    owner = sa.select(_campaign.c.organisation_id).where(_campaign.c.id == rows[0]["campaign_id"])
    organisation_id: UUID = session.connection().execute(owner).scalar_one()
    return rows, organisation_id


def _copy(
    session: Session,
    lobby: Lobby,
    patterns: list[dict[str, Any]],
    organisation_id: UUID,
    numbers: range,
    now: datetime,
) -> None:
    addresses = [
        supporters.EmailAddress.of(organisation_id, f"drill{number}@example.org", lobby.keyring)
        for number in numbers
    ]
    writers = [
        UUID(supporter_id)
        for supporter_id, _ in supporters.find_or_add(session, addresses, now=now)
    ]
    rows = [
        patterns[number % len(patterns)] | {"id": new_id(), "supporter_id": writer}
        for number, writer in zip(numbers, writers, strict=True)
    ]
    session.connection().execute(sa.insert(_letter), rows)
    notes = [outbox.NewMessage(MessageKind.LETTER, row["id"], None) for row in rows]
    outbox.queue(session, notes, now=now)
