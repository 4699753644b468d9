"""Writes signatures as the version before submissions stored them, in many states."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import Consent, Keyring, Petition, Private, Signature, SignatureState
from models.base import new_ids, new_ids_at, table_of
from services.database import bulk
from services.organisations.partners import NamedPartner
from services.supporters import supporters, wordings
from services.supporters.supporters import EmailAddress, SupporterDetails
from services.tallies import counts

_signature, _consent = table_of(Signature), table_of(Consent)
ENDED = (SignatureState.WITHDRAWN, SignatureState.REJECTED, SignatureState.EXPIRED)
# Supporters have details after a confirmation.
CONFIRMED_ONCE = (SignatureState.CONFIRMED, SignatureState.WITHDRAWN)
CONFIRMED_AFTER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class EarlierSignature:
    """A signature of the version before submissions, with the answers that came with it.

    `signed_at` is the last time at which it was signed, `first_signed_at` the first, if that was
    another. `given_at` is when an import says that its answer was given.
    """

    email: str
    state: SignatureState
    signed_at: datetime
    first_signed_at: datetime | None = None
    name: str = "Anna Example"
    postcode: str = "EH1 1YZ"
    code: str = "S14000078"
    comment: str | None = None
    source: str | None = None
    updates: bool | None = None
    partner: NamedPartner | None = None
    partner_contact: bool | None = None
    provenance: str | None = None
    given_at: datetime | None = None

    @property
    def added_at(self) -> datetime:
        """When its row was added."""
        return self.first_signed_at or self.signed_at

    @property
    def ended_at(self) -> datetime | None:
        """When it stopped counting, or was given up."""
        return self.signed_at + timedelta(minutes=10) if self.state in ENDED else None

    @property
    def effective_at(self) -> datetime | None:
        """When its answers took effect."""
        is_confirmed = self.state in CONFIRMED_ONCE
        return self.signed_at + CONFIRMED_AFTER if is_confirmed else None


@dataclass(frozen=True, slots=True)
class _Answer:
    signature_id: str
    supporter_id: str
    signed: EarlierSignature
    kind: str
    granted: bool
    wording_id: UUID


def add(
    session: Session,
    petition: Petition,
    signatures: Sequence[EarlierSignature],
    *,
    keyring: Keyring,
) -> list[UUID]:
    """Adds supporters, signatures and consents, and counts what is confirmed; returns the ids.

    It works on the schemas from 0015 on. The supporters must be new, or have the same details.
    """
    owner = petition.organisation_id
    ids = [new_ids_at(1, each.added_at)[0] for each in signatures]
    people = _add_supporters(session, owner, signatures, keyring)
    rows = _columns(owner, signatures) | {"id": ids, "supporter_id": people}
    rows |= _changes(session, signatures)
    shared = {"petition_id": petition.id}
    bulk.insert_columns(session, _signature, rows, shared, skip_existing=False)
    _add_answers(session, owner, list(zip(ids, people, signatures, strict=True)))
    by_seat = [
        (petition.id.hex, each.code)
        for each in signatures
        if each.state is SignatureState.CONFIRMED
    ]
    if by_seat:
        counts.count_signatures(session, by_seat, now=signatures[0].signed_at)
    return [UUID(row_id) for row_id in ids]


def _add_supporters(
    session: Session, owner: UUID, signatures: Iterable[EarlierSignature], keyring: Keyring
) -> list[str]:
    by_moment: dict[datetime, list[EmailAddress]] = {}
    addresses = []
    for each in signatures:
        is_known = each.state in CONFIRMED_ONCE
        details = SupporterDetails(each.name, each.postcode, each.code, "en") if is_known else None
        address = EmailAddress.of(owner, each.email, keyring, details=details)
        addresses.append(address)
        by_moment.setdefault(each.added_at, []).append(address)
    ids: dict[bytes, str] = {}
    for moment, some in by_moment.items():
        found = supporters.find_or_add(session, some, now=moment)
        ids |= {address.index: row_id for address, (row_id, _) in zip(some, found, strict=True)}
    return [ids[address.index] for address in addresses]


def _columns(owner: UUID, signatures: Sequence[EarlierSignature]) -> dict[str, list[Any]]:
    return {
        "state": [each.state for each in signatures],
        "constituency_code": [each.code for each in signatures],
        "name": [Private(owner, each.name) for each in signatures],
        "postcode": [Private(owner, each.postcode) for each in signatures],
        "comment": [Private(owner, each.comment) if each.comment else None for each in signatures],
        "country": ["GB" for _ in signatures],
        "locale": ["en" for _ in signatures],
        "source": [each.source for each in signatures],
        "partner_id": [each.partner.id if each.partner else None for each in signatures],
        "provenance": [each.provenance for each in signatures],
        "signed_at": [each.signed_at for each in signatures],
        "confirmed_at": [each.effective_at for each in signatures],
        "ended_at": [each.ended_at for each in signatures],
    }


def _changes(session: Session, signatures: Sequence[EarlierSignature]) -> dict[str, list[Any]]:
    """Returns when the signatures last changed, on the schemas that have it."""
    columns = sa.inspect(session.connection()).get_columns("signature")
    if "changed_at" not in {column["name"] for column in columns}:
        return {}
    times = [each.ended_at or each.effective_at or each.signed_at for each in signatures]
    of_partners = [
        time if each.partner else None for time, each in zip(times, signatures, strict=True)
    ]
    return {"changed_at": times, "partner_changed_at": of_partners}


def _add_answers(
    session: Session, owner: UUID, rows: Sequence[tuple[str, str, EarlierSignature]]
) -> None:
    answers = [*_to_updates(session, owner, rows), *_to_partners(session, owner, rows)]
    if not answers:
        return
    varying: dict[str, list[Any]] = {
        "id": new_ids(len(answers)),
        "supporter_id": [answer.supporter_id for answer in answers],
        "signature_id": [answer.signature_id for answer in answers],
        "wording_id": [answer.wording_id for answer in answers],
        "kind": [answer.kind for answer in answers],
        "granted": [answer.granted for answer in answers],
        "given_at": [answer.signed.given_at or answer.signed.signed_at for answer in answers],
        "effective_at": [answer.signed.effective_at for answer in answers],
    }
    bulk.insert_columns(session, _consent, varying, {}, skip_existing=False)


def _to_updates(
    session: Session, owner: UUID, rows: Sequence[tuple[str, str, EarlierSignature]]
) -> list[_Answer]:
    asked = [row for row in rows if row[2].updates is not None]
    if not asked:
        return []
    moments = {(owner, each.signed_at) for _, _, each in asked}
    here = wordings.updates_wordings_at(session, moments)
    provenances = {(owner, each.provenance) for _, _, each in asked if each.provenance}
    first = min(moment for _, moment in moments)
    elsewhere = wordings.imported(session, provenances, now=first) if provenances else {}
    return [
        _Answer(
            signature_id,
            supporter_id,
            each,
            wordings.UPDATES,
            bool(each.updates),
            elsewhere[owner, each.provenance] if each.provenance else here[owner, each.signed_at],
        )
        for signature_id, supporter_id, each in asked
    ]


def _to_partners(
    session: Session, owner: UUID, rows: Sequence[tuple[str, str, EarlierSignature]]
) -> list[_Answer]:
    asked = [
        (signature_id, supporter_id, each, each.partner)
        for signature_id, supporter_id, each in rows
        if each.partner is not None and each.partner_contact is not None
    ]
    if not asked:
        return []
    keys = {(owner, partner.slug, partner.name) for *_, partner in asked}
    ids = wordings.of_partners(session, keys, now=asked[0][2].signed_at)
    return [
        _Answer(
            signature_id,
            supporter_id,
            each,
            wordings.partner_kind(partner.slug),
            bool(each.partner_contact),
            ids[owner, partner.slug, partner.name],
        )
        for signature_id, supporter_id, each, partner in asked
    ]
