"""Fills a database of the version before submissions with signatures in each state."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from models import MessageKind, MessageState, OutboxMessage, SignatureState
from models.base import new_ids, table_of
from services.assembly import Lobby
from services.campaigns import petitions
from services.database import bulk
from services.demonstration import invented_campaign
from services.mail import recipients
from services.organisations import organisations, partners
from services.organisations.partners import NamedPartner
from tools import earlier_signatures
from tools.earlier_signatures import EarlierSignature

AT_ONCE, OF_A_MOMENT = 1000, 50  # rows of a transaction, and of a time at which people signed
# Kinds of rows: the state, and how many days ago the first and the last of them were signed.
KINDS = {
    "young": (SignatureState.PENDING, 13.5, 0.1),
    "old": (SignatureState.PENDING, 29.0, 14.5),
    "expired": (SignatureState.EXPIRED, 90.0, 31.0),
    "confirmed": (SignatureState.CONFIRMED, 90.0, 0.1),
    "withdrawn": (SignatureState.WITHDRAWN, 90.0, 0.1),
    "rejected": (SignatureState.REJECTED, 90.0, 0.1),
}
ANSWERS = (False, True, None)
PARTNER = "a-paper"
PROVENANCE = "paper, Leeds stall, 3 May 2026"
_outbox = table_of(OutboxMessage)


@dataclass(frozen=True, slots=True)
class FilledRow:
    """A signature that was written, with its id and the number of its person."""

    id: UUID
    number: int
    signature: EarlierSignature

    @property
    def answers(self) -> dict[str, bool]:
        """The answers that came with it, by the kind of question."""
        signed = self.signature
        answers = {"updates": signed.updates, f"partner:{PARTNER}": signed.partner_contact}
        return {kind: granted for kind, granted in answers.items() if granted is not None}


Rows = dict[str, list[FilledRow]]


def add_partner(lobby: Lobby, *, now: datetime) -> NamedPartner:
    """Adds the partner of some rows. It needs the schema of the present program."""
    with lobby.database.write() as session:
        owner = organisations.by_slug(session, invented_campaign.about().organisation)
        added = partners.create(session, organisation=owner, name="A Paper", slug=PARTNER, now=now)
        return NamedPartner(added.id, owner.id, PARTNER, added.name)


def fill(lobby: Lobby, rows: int, partner: NamedPartner, *, now: datetime) -> Rows:
    """Adds `rows` signatures of each kind, each of a person of its own; returns them by kind."""
    filled: Rows = {}
    for kind, (state, first, last) in KINDS.items():
        filled[kind] = []
        span = (first - last) / rows
        for start in range(0, rows, AT_ONCE):
            numbers = range(start, min(start + AT_ONCE, rows))
            signatures = [
                _signature(kind, state, number, now - timedelta(days=first - span * at), partner)
                for number in numbers
                for at in [number - number % OF_A_MOMENT]
            ]
            filled[kind] += _add(lobby, list(zip(numbers, signatures, strict=True)))
    return filled


def queue_mails(lobby: Lobby, rows: list[FilledRow], *, now: datetime) -> None:
    """Queues a mail that asks to confirm for each of these rows, as the earlier version did."""
    indexes = [
        recipients.recipient_of(row.signature.email, lobby.keyring).address_index for row in rows
    ]
    varying: dict[str, Sequence[Any]] = {
        "id": new_ids(len(rows)),
        "subject_id": [row.id for row in rows],
        "recipient_index": indexes,
    }
    shared = {
        "kind": MessageKind.CONFIRM_SIGNATURE,
        "state": MessageState.QUEUED,
        "attempt": 0,
        "due_at": now,
        "created_at": now,
    }
    with lobby.database.write() as session:
        bulk.insert_columns(session, _outbox, varying, shared, skip_existing=False)


def _signature(
    kind: str, state: SignatureState, number: int, signed_at: datetime, partner: NamedPartner
) -> EarlierSignature:
    """Returns the signature of one person: one in ten through a partner, one in 20 imported."""
    is_imported, is_partners = number % 20 == 7, number % 10 == 3
    return EarlierSignature(
        f"{kind}{number}@example.org",
        state,
        signed_at,
        name=f"Person {number}",
        comment="Words of my own, and some more of them" if number % 5 == 0 else None,
        source="leaflet" if number % 4 == 0 else None,
        updates=ANSWERS[number % 3],
        partner=partner if is_partners else None,
        partner_contact=number % 4 == 1 if is_partners else None,
        provenance=PROVENANCE if is_imported else None,
        # Some signed for a second time, and kept their id.
        first_signed_at=signed_at - timedelta(days=40) if number % 1000 == 500 else None,
    )


def _add(lobby: Lobby, some: list[tuple[int, EarlierSignature]]) -> Iterator[FilledRow]:
    with lobby.database.write() as session:
        petition = petitions.by_slug(session, invented_campaign.about().petition)
        signatures = [signature for _, signature in some]
        ids = earlier_signatures.add(session, petition, signatures, keyring=lobby.keyring)
    for (number, signature), row_id in zip(some, ids, strict=True):
        yield FilledRow(row_id, number, signature)
