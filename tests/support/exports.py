"""Exports and what is in their files, many signatures at once, and the log of exports."""

import csv
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, select
from structlog.testing import capture_logs
from structlog.typing import EventDict

from core import logs
from models import Keyring, Petition, Private, Signature, Submission, Supporter
from models.base import new_id, table_of
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.database.engine import insert
from services.files import exports
from services.files.export_lines import FileFormat
from services.files.exports import Chunk, Export
from services.letters import letter_exports
from services.signatures import signature_exports
from services.signatures.recording import SignatureRequest
from tests.support.common import CAMPAIGN, CAN_SIGN, PETITION
from tests.support.signatures import sign_and_confirm, sign_and_sort

Row = dict[str, Any]
EMPTY = "nobody-signed"


def petition_of(lobby: Lobby) -> Petition:
    with lobby.database.read() as session:
        return petitions.public(session, PETITION)


def signatures_export(lobby: Lobby, **wanted: Any) -> Export:
    return signature_exports.of_petition(petition_of(lobby), **wanted)


def letters_export(lobby: Lobby, **wanted: Any) -> Export:
    with lobby.database.read() as session:
        campaign = campaigns.public(session, CAMPAIGN)
    return letter_exports.of_campaign(campaign, **wanted)


def parts_of(
    lobby: Lobby,
    export: Export,
    form: FileFormat = FileFormat.CSV,
    *,
    size: int | None = None,
    keyring: Keyring | None = None,
) -> list[Chunk]:
    ring = keyring or lobby.keyring
    return list(exports.chunks(lobby.database, export, form, keyring=ring, size=size))


def file_of(
    lobby: Lobby, export: Export, form: FileFormat = FileFormat.CSV, **options: Any
) -> bytes:
    return b"".join(part.content for part in parts_of(lobby, export, form, **options))


def csv_rows(content: bytes) -> list[dict[str, str]]:
    """Parses CSV, and leaves line ends within cells as they are."""
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def json_rows(content: bytes) -> list[Row]:
    assert content == b"" or content.endswith(b"\n")
    return [json.loads(line) for line in content.splitlines()]


def sign(lobby: Lobby, email: str, **values: Any) -> Signature:
    """Records and confirms a signature."""
    (row_id,) = sign_and_confirm(lobby, _request(email, values))
    with lobby.database.read() as session:
        return session.get_one(Signature, row_id)


def submit(lobby: Lobby, email: str, **values: Any) -> UUID:
    """Records and sorts a signature that is not confirmed yet; returns its id."""
    (row_id,) = sign_and_sort(lobby, _request(email, values))
    return row_id


def _request(email: str, values: Row) -> SignatureRequest:
    usual: Row = {"petition_slug": PETITION, "name": "Anna", "postcode": CAN_SIGN}
    return SignatureRequest(**(usual | values), email=email)


def add_petition(lobby: Lobby, slug: str = EMPTY) -> None:
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        values = {"slug": slug, "action": "Act", "addressed_to": "Them"}
        petitions.create(session, campaign=campaign, values=values, now=lobby.clock())


def multiply(lobby: Lobby, count: int) -> None:
    """Adds `count` signatures, each of a supporter of its own, without counting them in tallies."""
    with lobby.database.write() as session:
        pattern = session.exec(select(Signature)).first()
        assert pattern is not None
        owner = pattern.name.organisation_id
        people = [_person(session, pattern, owner, number) for number in range(count)]
        insert(session, table_of(Supporter), people)
        copied = {name: getattr(pattern, name) for name in Signature.model_fields}
        rows = [copied | {"id": new_id(), "supporter_id": person["id"]} for person in people]
        insert(session, table_of(Signature), rows)


def _person(session: Session, pattern: Signature, owner: Any, number: int) -> Row:
    return {
        "id": new_id(),
        "organisation_id": owner,
        "email": Private(owner, f"many{number}@example.org"),
        "email_index": f"many {number}".encode(),
        "locale": "en",
        "created_at": pattern.signed_at,
    }


def make_undecryptable(lobby: Lobby, signature_id: Any) -> None:
    """Changes the encrypted name of a signature so that no key can decrypt it."""
    _damage(lobby, table_of(Signature).c.name, signature_id)


def make_unreadable(lobby: Lobby, submission_id: UUID) -> None:
    """Changes the payload of a submission so that no key can decrypt it."""
    _damage(lobby, table_of(Submission).c.payload, submission_id)


def _damage(lobby: Lobby, column: sa.Column[Any], row_id: Any) -> None:
    table = column.table
    assert isinstance(table, sa.Table)
    sealed = sa.type_coerce(column, sa.LargeBinary)
    with lobby.database.write() as session:
        connection = session.connection()
        encrypted = connection.execute(sa.select(sealed).where(table.c.id == row_id)).scalar_one()
        broken = bytes(encrypted[:-1]) + bytes([encrypted[-1] ^ 1])
        values = {column.name: sa.literal(broken, sa.LargeBinary)}
        connection.execute(sa.update(table).where(table.c.id == row_id).values(values))


@contextmanager
def log_of_exports() -> Iterator[list[EventDict]]:
    """Collects the log entries of exports. By default tests log errors only."""
    logs.configure(level="INFO")
    exports_logged: list[EventDict] = []
    try:
        with capture_logs() as entries:
            yield exports_logged
        exports_logged += [entry for entry in entries if entry["event"] == "export"]
    finally:
        logs.configure(level="ERROR")
