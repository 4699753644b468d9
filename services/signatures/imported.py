"""Imported signatures that count at once: given on paper or in another system.

The importer vouches for them. They never override what a person did here: a confirmed signature
stays unchanged, a withdrawn or disowned one does not count, and an answer about news that was given
here stays in force.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import Keyring, Private, Signature, SignatureState
from models.base import new_ids, table_of
from services.consents.following import followed
from services.database import bulk
from services.database.bulk import BulkLookup
from services.signatures.entries import ImportOrigin, Outcome, SignatureEntry
from services.supporters import supporters
from services.supporters.supporters import EmailAddress, SupporterDetails
from services.tallies import counts
from services.webhooks import events
from services.webhooks.events import SignatureFact

_signature = table_of(Signature)
_OF_SUPPORTERS = BulkLookup(
    lambda among: sa.select(
        _signature.c.petition_id, _signature.c.supporter_id, _signature.c.id, _signature.c.state
    ).where(among(_signature.c.supporter_id, "supporters")),
    is_long=True,
)
STRONGEST_FIRST = (
    SignatureState.CONFIRMED,
    SignatureState.REJECTED,
    SignatureState.WITHDRAWN,
)
"""A person can have several signatures under a petition: the first of these states counts."""


@dataclass(slots=True)
class _Import:
    """An import while it is recorded; ids in hex digits."""

    entry: SignatureEntry
    origin: ImportOrigin
    address: EmailAddress
    supporter_id: str = ""
    is_new_supporter: bool = False
    signature_id: str = ""
    state: SignatureState = SignatureState.CONFIRMED
    is_new: bool = False
    is_repeat: bool = False

    @property
    def key(self) -> tuple[str, str]:
        return self.entry.petition.id, self.supporter_id

    def private(self, text: str | None) -> Private | None:
        return None if text is None else Private(self.entry.petition.organisation_id, text)


def record(
    session: Session, entries: Iterable[SignatureEntry], *, keyring: Keyring, now: datetime
) -> dict[int, Outcome]:
    """Records and counts the entries that count at once; returns outcomes by position.

    Others are left out. Each person is counted once. Fills in the names and postcodes of supporters
    that had none.
    """
    imports = [
        _import(entry, origin, keyring)
        for entry in entries
        if (origin := entry.request.imported) is not None and origin.is_confirmed
    ]
    if not imports:
        return {}
    _add_supporters(session, imports, now)
    _insert(session, imports, now)
    counted = [each for each in imports if each.is_new]
    if counted:
        _count(session, counted, now)
    return {each.entry.position: _outcome(each) for each in imports}


def _import(entry: SignatureEntry, origin: ImportOrigin, keyring: Keyring) -> _Import:
    request, owner = entry.request, entry.petition.organisation_id
    details = SupporterDetails(request.name, request.postcode, entry.code, request.locale)
    return _Import(entry, origin, EmailAddress.of(owner, request.email, keyring, details=details))


def _add_supporters(session: Session, imports: Sequence[_Import], now: datetime) -> None:
    ids = supporters.find_or_add(session, [each.address for each in imports], now=now)
    for each, (supporter_id, is_new) in zip(imports, ids, strict=True):
        each.supporter_id, each.is_new_supporter = supporter_id, is_new


def _insert(session: Session, imports: Sequence[_Import], now: datetime) -> None:
    """Inserts the signatures of people who have none, and sets ids and states of all imports."""
    firsts: dict[tuple[str, str], _Import] = {}
    for each in imports:
        firsts.setdefault(each.key, each)
    _find_existing(session, firsts)
    new = [firsts[key] for key in sorted(firsts) if not firsts[key].signature_id]
    for each, row_id in zip(new, new_ids(len(new)), strict=True):
        each.signature_id, each.is_new = row_id, True
    if new:
        columns = _columns(new, now)
        shared = {"state": SignatureState.CONFIRMED, "confirmed_by_signer": False}
        added = bulk.insert_columns(session, _signature, columns, shared, skip_existing=True)
        if added < len(new):  # somebody has confirmed in between
            _find_existing(session, firsts)
    for each in imports:
        first = firsts[each.key]
        if each is not first:
            each.signature_id, each.state, each.is_repeat = first.signature_id, first.state, True


def _find_existing(session: Session, firsts: dict[tuple[str, str], _Import]) -> None:
    """Sets the id and the state of the strongest signature that people have already."""
    supporter_ids = [UUID(supporter_id) for supporter_id in {key[1] for key in firsts}]
    places = {state: place for place, state in enumerate(STRONGEST_FIRST)}
    strongest: dict[tuple[str, str], tuple[int, Any]] = {}
    for row in _OF_SUPPORTERS.rows(session, supporters=supporter_ids):
        key, place = (row.petition_id.hex, row.supporter_id.hex), places.get(row.state)
        if key in firsts and place is not None and place < strongest.get(key, (9, None))[0]:
            strongest[key] = (place, row)
    for key, (_, row) in strongest.items():
        each = firsts[key]
        each.is_new = each.is_new and row.id.hex == each.signature_id
        each.signature_id, each.state = row.id.hex, row.state


def _columns(imports: Sequence[_Import], now: datetime) -> dict[str, list[Any]]:
    requests = [each.entry.request for each in imports]
    return {
        "id": [each.signature_id for each in imports],
        "petition_id": [each.entry.petition.id for each in imports],
        "supporter_id": [each.supporter_id for each in imports],
        "constituency_code": [each.entry.code for each in imports],
        "name": [each.private(each.entry.request.name) for each in imports],
        "postcode": [each.private(each.entry.request.postcode) for each in imports],
        "comment": [each.private(each.entry.request.comment) for each in imports],
        "country": [request.country for request in requests],
        "locale": [request.locale for request in requests],
        "source": [request.source for request in requests],
        "partner_id": [each.entry.partner_id for each in imports],
        "provenance": [each.origin.provenance for each in imports],
        "signed_at": [each.origin.signed_at or now for each in imports],
        "confirmed_at": [now] * len(imports),
        "changed_at": [now] * len(imports),
        "partner_changed_at": [now if each.entry.partner_id else None for each in imports],
    }


def _count(session: Session, counted: Sequence[_Import], now: datetime) -> None:
    existing = {each.supporter_id: each.address for each in counted if not each.is_new_supporter}
    supporters.lock(session, map(UUID, existing))
    supporters.fill_in_unknown(session, existing)
    _note_answers(session, counted, now)
    given = (
        (each.entry.petition.id, each.entry.code, each.origin.signed_at or now) for each in counted
    )
    counts.count_given_signatures(session, given)
    facts = [
        SignatureFact(
            each.signature_id, each.entry.petition.id, each.entry.code, each.origin.signed_at or now
        )
        for each in counted
    ]
    events.signatures_confirmed(session, facts, now=now)


def _note_answers(session: Session, counted: Sequence[_Import], now: datetime) -> None:
    answers = [
        supporters.ImportedAnswer(
            each.entry.petition.organisation_id,
            UUID(each.supporter_id),
            each.entry.request.updates,
            signature_id=UUID(each.signature_id),
            provenance=each.origin.provenance,
            given_at=each.origin.signed_at or now,
            effective_at=now,
        )
        for each in counted
        if each.entry.request.updates is not None
    ]
    known = {UUID(each.supporter_id) for each in counted if not each.is_new_supporter}
    known &= {answer.supporter_id for answer in answers}
    new = [answer.signature_id for answer in answers]
    with followed(session, known, now=now, new=new):
        supporters.note_imported(session, answers, now=now)


def _outcome(each: _Import) -> Outcome:
    return Outcome(
        row_id=each.signature_id,
        constituency_code=each.entry.code,
        is_new=each.is_new,
        is_repeat_in_batch=each.is_repeat,
        is_counted=each.is_new,
        state=each.state,
    )
