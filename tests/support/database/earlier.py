"""Signatures that wait for confirmation as earlier versions stored them, and their adoption."""

import threading
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import select

import worker
from models import (
    Consent,
    PetitionTally,
    Signature,
    SignatureState,
    Submission,
    Supporter,
)
from models.base import table_of
from services.assembly import Lobby
from services.campaigns import petitions
from services.submissions import payload
from services.submissions.payload import SignaturePayload
from services.supporters import supporters
from tests.support.common import PETITION
from tools import earlier_signatures
from tools.earlier_signatures import EarlierSignature

ANNA = "anna@example.org"
DAY = timedelta(days=1)
_signature = table_of(Signature)


def add(lobby: Lobby, *signatures: EarlierSignature) -> list[UUID]:
    with lobby.database.write() as session:
        petition = petitions.by_slug(session, PETITION)
        return earlier_signatures.add(session, petition, signatures, keyring=lobby.keyring)


def pending(lobby: Lobby, email: str = ANNA, **values: Any) -> UUID:
    """Adds a pending signature of a day ago; returns its id."""
    defaults: dict[str, Any] = {"state": SignatureState.PENDING}
    defaults["signed_at"] = lobby.clock() - DAY
    (signature_id,) = add(lobby, EarlierSignature(email, **(defaults | values)))
    return signature_id


def adopt(lobby: Lobby) -> int:
    return worker.SignatureAdoption()(lobby, threading.Event())


def submission(lobby: Lobby, row_id: UUID) -> Submission | None:
    with lobby.database.read() as session:
        return session.get(Submission, row_id)


def contents(lobby: Lobby, row_id: UUID) -> SignaturePayload:
    found = submission(lobby, row_id)
    assert found is not None
    return payload.of_text(found.payload.text)


def signature(lobby: Lobby, row_id: UUID) -> Signature | None:
    with lobby.database.read() as session:
        return session.get(Signature, row_id)


def supporter(lobby: Lobby, email: str = ANNA) -> Supporter | None:
    with lobby.database.read() as session:
        owner = petitions.by_slug(session, PETITION).organisation_id
        index = supporters.EmailAddress.of(owner, email, lobby.keyring).index
        return session.exec(select(Supporter).where(Supporter.email_index == index)).first()


def consents(lobby: Lobby, email: str = ANNA) -> list[Consent]:
    person = supporter(lobby, email)
    with lobby.database.read() as session:
        statement = select(Consent).where(Consent.supporter_id == (person and person.id))
        return list(session.exec(statement))


def confirmed_count(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        petition_id = petitions.by_slug(session, PETITION).id
        counts = select(PetitionTally.confirmed).where(PetitionTally.petition_id == petition_id)
        return sum(session.exec(counts))


def damage(lobby: Lobby, signature_id: UUID) -> None:
    """Makes a signature one that does not open with this key."""
    with lobby.database.write() as session:
        session.connection().execute(
            sa.text("UPDATE signature SET name = :junk WHERE id = :id").bindparams(
                sa.bindparam("id", signature_id, _signature.c.id.type), junk=b"\x01" * 60
            )
        )
