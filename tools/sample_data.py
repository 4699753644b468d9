"""Databases with the demonstration, and many letters, signatures or MPs written into them."""

import json
import random
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, select

import worker
from models import (
    Campaign,
    Constituency,
    Letter,
    LetterState,
    Member,
    Membership,
    MessageKind,
    MessageState,
    Motion,
    MotionSignatory,
    Office,
    OfficeKind,
    OutboxMessage,
)
from models.base import new_id, table_of
from services.assembly import Lobby
from services.common import times
from services.database import secret_keys
from services.demonstration import invented_campaign
from services.mail import outbox
from services.postcodes import ons_import
from services.signatures import recording
from services.signatures.recording import SignatureRequest
from services.supporters import supporters
from tools import campaign_rows
from tools.campaign_rows import Size

AT_ONCE = 1000
FIRST_MP = 800_000
"""The id of the first member that `add_mps` adds."""
_ELECTED_ON = date(2024, 7, 4)
_NAMES = json.loads((invented_campaign.FOLDER / "names.json").read_text())
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


def add_mps(lobby: Lobby, number: int, party: str = "Labour") -> list[int]:
    """Adds seats with MPs of a party, and returns the ids of the members.

    Every third member of Labour is of 'Labour (Co-op)'.
    """
    ids = list(range(FIRST_MP, FIRST_MP + number))
    with lobby.database.write() as session:
        session.add_all(
            Constituency(
                code=_seat_code(index),
                name=f"Anytown {index + 1}",
                nation="England",
                region="London",
            )
            for index in range(number)
        )
        session.add_all(
            Member(
                id=FIRST_MP + index,
                name=_mp_name(index),
                party="Labour (Co-op)" if party == "Labour" and index % 3 == 0 else party,
            )
            for index in range(number)
        )
        session.flush()
        session.add_all(
            Membership(
                member_id=FIRST_MP + index,
                constituency_code=_seat_code(index),
                starts_on=_ELECTED_ON,
            )
            for index in range(number)
        )
    return ids


def sign_motion(lobby: Lobby, member_id: int, at: datetime, *, with_moment: bool = True) -> None:
    """Puts a member's name onto the demonstration's motion."""
    with lobby.database.write() as session:
        session.add(
            MotionSignatory(
                id=700_000_000 + member_id,
                motion_id=session.exec(select(Motion)).one().id,
                member_id=member_id,
                signed_on=times.today(at),
                signed_at=at if with_moment else None,
                first_seen_at=at + timedelta(hours=1),
            )
        )


def add_mps_and_letters(lobby: Lobby, number: int = 100) -> list[int]:
    """Adds MPs, letters of 40 days, and names between and after them; four MPs are ministers."""
    added = add_mps(lobby, number)
    campaign_rows.fill(lobby, invented_campaign.about().campaign, Size(1300, 1000, days=40))
    chance, now = random.Random(19), lobby.clock()
    for member_id in chance.sample(added, 3 * number // 10):
        at = now - timedelta(minutes=chance.randrange(1, 45 * 24 * 60))
        sign_motion(lobby, member_id, at, with_moment=chance.random() < 0.8)
    with lobby.database.write() as session:
        session.add_all(
            Office(
                member_id=member_id,
                kind=OfficeKind.MINISTER,
                title="Minister",
                starts_on=date(2025, 1, 1),
            )
            for member_id in added[:4]
        )
    return added


def _seat_code(index: int) -> str:
    return f"E1499{index:04}"


def _mp_name(index: int) -> str:
    given, family = _NAMES["given"], _NAMES["family"]
    # Each round of given names begins one family name further on, so that no name comes twice.
    return f"{given[index % len(given)]} {family[(index * 7 + index // len(given)) % len(family)]}"
