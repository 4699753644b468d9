"""Records signatures. Their later states are in `services.signatures.signature_states`.

`record` writes any number of requests in a small, fixed number of statements. Single requests, bulk
requests, imports and other APIs' formats all call it, so that the rules are in one place.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import Campaign, Keyring, MessageKind, Petition, Signature, SignatureState
from models.base import new_ids, table_of
from models.constituency import OVERSEAS, UNKNOWN
from models.postcode import PostcodeResult, PostcodeStatus
from services.campaigns import petitions
from services.database import bulk
from services.database.bulk import BulkLookup
from services.errors import LobbyError, NotFound
from services.mail import outbox
from services.signatures import attribution, imported
from services.signatures.attribution import Partners
from services.signatures.entries import (
    HOME,
    ImportOrigin,
    OpenPetition,
    Outcome,
    SignatureEntry,
    SignatureRequest,
    origin_columns,
    signer_columns,
)
from services.supporters import partner_consents, supporters

__all__ = [
    "HOME",
    "ImportOrigin",
    "Lookup",
    "Outcome",
    "SignatureRequest",
    "constituency_at",
    "constituency_of",
    "record",
]

Lookup = Callable[[str], PostcodeResult]
_RENEWABLE = (SignatureState.PENDING, SignatureState.WITHDRAWN, SignatureState.EXPIRED)
_signature = table_of(Signature)
# Not filtered by petition as well: with statistics from before a rush, PostgreSQL assumes that the
# petition is small and reads all its signatures.
_OF_SUPPORTERS = BulkLookup(
    lambda among: sa.select(
        _signature.c.petition_id, _signature.c.supporter_id, _signature.c.id, _signature.c.state
    ).where(among(_signature.c.supporter_id, "supporters"))
)
# Columns instead of a Petition: building the object costs more than finding the row.
_petition, _campaign = table_of(Petition), table_of(Campaign)
_BY_SLUG = (
    sa.select(
        _petition.c.id,
        _petition.c.slug,
        _petition.c.organisation_id,
        _petition.c.state,
        _petition.c.closes_at,
        _campaign.c.status,
    )
    .join(_campaign, _campaign.c.id == _petition.c.campaign_id)
    .where(_petition.c.slug.in_(sa.bindparam("slugs", expanding=True)))
)
# A signature that is signed again here is no import and has not ended.
_CLEARED = {"ended_at": None, "provenance": None}
_RENEWED = (
    "state",
    "signed_at",
    "constituency_code",
    "name",
    "postcode",
    "comment",
    "country",
    "locale",
    "source",
    "partner_id",
)
_RENEW = (
    sa.update(_signature)
    .where(
        _signature.c.id == sa.bindparam("row_id"),
        # Not `in_`, which does not work with executemany.
        _signature.c.state != SignatureState.CONFIRMED,
        _signature.c.state != SignatureState.REJECTED,
    )
    .values({name: sa.bindparam(f"new_{name}") for name in _RENEWED} | _CLEARED)
)


def record(
    session: Session,
    requests: Sequence[SignatureRequest],
    *,
    postcodes: Lookup,
    keyring: Keyring,
    now: datetime,
) -> list[Outcome]:
    """Record signatures, pending until confirmed by email; returns their outcomes in order.

    A repeated signature is no error; its email is queued again, within the daily limit. A request
    for an unknown or closed petition, or with a malformed postcode, gets an error and does not
    affect the others. An import is confirmed already, unless it says otherwise; a repeated import
    changes nothing and queues no email.
    """
    outcomes = [Outcome()] * len(requests)
    entries = []
    targets = _open_petitions(session, {request.petition_slug for request in requests}, now)
    owners = [
        target.organisation_id for target in targets.values() if isinstance(target, OpenPetition)
    ]
    partners = attribution.find(session, requests, owners)
    for position, request in enumerate(requests):
        try:
            entries.append(_entry(position, request, targets, partners, postcodes, keyring))
        except LobbyError as error:
            outcomes[position] = Outcome(error=error)
    if entries:
        _add_supporters(session, entries, now)
        _insert_new(session, entries, now)
        _renew(session, entries, now)
        if any(entry.request.imported for entry in entries):
            imported.count_imported(session, entries, now=now)
            imported.note_answers(session, entries, now=now)
        _note_answers(session, entries, now)
        outbox.queue(session, _notes(entries, keyring), now=now)
    for entry in entries:
        outcomes[entry.position] = Outcome(
            row_id=entry.signature_id,
            constituency_code=entry.code,
            is_new=entry.is_new,
            is_repeat_in_batch=entry.is_repeat,
            is_counted=entry.is_counted,
            state=entry.state,
        )
    return outcomes


def constituency_of(request: SignatureRequest, postcodes: Lookup) -> str:
    """Returns a constituency's code, 'unknown' or 'overseas'.

    Raises Invalid for a malformed postcode.
    """
    return constituency_at(request.country, request.postcode, postcodes)


def constituency_at(country: str, postcode: str, postcodes: Lookup) -> str:
    """Works like `constituency_of`, for a country and a postcode."""
    if country != HOME:
        return OVERSEAS
    result = postcodes(postcode)
    if result.status is PostcodeStatus.NOT_IN_UK_PARLIAMENT:
        return OVERSEAS
    return result.constituency_code or UNKNOWN


def _open_petitions(
    session: Session, slugs: set[str], now: datetime
) -> dict[str, OpenPetition | LobbyError]:
    """Returns by slug the open petitions, and for the others the error."""
    rows = session.connection().execute(_BY_SLUG, {"slugs": list(slugs)})
    targets: dict[str, OpenPetition | LobbyError] = {}
    for petition in rows:
        try:
            petitions.require_open(petition, campaign_status=petition.status, now=now)
            targets[petition.slug] = OpenPetition(petition.id.hex, petition.organisation_id)
        except LobbyError as error:
            targets[petition.slug] = error
    return targets


def _entry(
    position: int,
    request: SignatureRequest,
    targets: dict[str, OpenPetition | LobbyError],
    partners: Partners,
    postcodes: Lookup,
    keyring: Keyring,
) -> SignatureEntry:
    petition = targets.get(request.petition_slug)
    if petition is None:
        raise NotFound("petition_unknown", f"There is no petition '{request.petition_slug}'.")
    if isinstance(petition, LobbyError):
        raise petition
    code = constituency_of(request, postcodes)
    details = None
    if request.imported is not None and request.imported.is_confirmed:
        details = supporters.ImportedDetails(request.name, request.postcode, code, request.locale)
    owner = petition.organisation_id
    partner = partners.of(request, owner)
    address = supporters.EmailAddress.of(owner, request.email, keyring, details=details)
    return SignatureEntry(
        position=position,
        request=request,
        petition=petition,
        code=code,
        address=address,
        partner=partner,
    )


def _add_supporters(session: Session, entries: list[SignatureEntry], now: datetime) -> None:
    addresses = [entry.address for entry in entries]
    ids = supporters.find_or_add(session, addresses, now=now)
    for entry, (supporter_id, is_new) in zip(entries, ids, strict=True):
        entry.supporter_id, entry.is_new_supporter = supporter_id, is_new


def _insert_new(session: Session, entries: list[SignatureEntry], now: datetime) -> None:
    """Insert new signatures, and set the signature's id and state on every entry."""
    firsts: dict[tuple[str, str], SignatureEntry] = {}
    for entry in entries:
        firsts.setdefault((entry.petition.id, entry.supporter_id), entry)
    for entry, row_id in zip(firsts.values(), new_ids(len(firsts)), strict=True):
        entry.signature_id, entry.is_new = row_id, True
        if entry.is_to_count:
            entry.state = SignatureState.CONFIRMED
    ordered = [firsts[key] for key in sorted(firsts)]
    varying, shared = _columns(ordered, now)
    added = bulk.insert_columns(session, _signature, varying, shared, skip_existing=True)
    if added < len(firsts):
        _find_existing(session, firsts)
    for entry in entries:
        first = firsts[entry.petition.id, entry.supporter_id]
        if entry is not first:
            entry.signature_id, entry.state = first.signature_id, first.state
            entry.is_repeat = True


def _columns(
    entries: list[SignatureEntry], now: datetime
) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """Returns the columns that differ between rows, and the values that all rows share."""
    varying = {
        "id": [entry.signature_id for entry in entries],
        "petition_id": [entry.petition.id for entry in entries],
        "supporter_id": [entry.supporter_id for entry in entries],
        **signer_columns(entries),
    }
    if any(entry.request.imported for entry in entries):
        varying |= {"state": [entry.state for entry in entries], **origin_columns(entries, now=now)}
        return varying, {}
    return varying, {"state": SignatureState.PENDING, "signed_at": now}


def _find_existing(session: Session, firsts: dict[tuple[str, str], SignatureEntry]) -> None:
    """Correct the entries whose signatures existed before the insert."""
    supporter_ids = [UUID(supporter_id) for _, supporter_id in firsts]
    rows = _OF_SUPPORTERS.rows(session, supporters=supporter_ids)
    for petition_id, supporter_id, row_id, state in rows:
        entry = firsts.get((petition_id.hex, supporter_id.hex))
        if entry is not None:
            entry.is_new = row_id.hex == entry.signature_id
            entry.signature_id, entry.state = row_id.hex, state


def _renew(session: Session, entries: list[SignatureEntry], now: datetime) -> None:
    """Overwrite unconfirmed and withdrawn signatures that were signed again.

    Confirmed and disowned signatures stay unchanged.
    """
    renewed = sorted(
        (
            entry
            for entry in entries
            if not entry.is_new and entry.state in _RENEWABLE and entry.request.imported is None
        ),
        key=lambda entry: entry.signature_id,
    )
    if not renewed:
        return
    columns = {"row_id": [UUID(entry.signature_id) for entry in renewed]}
    columns |= {f"new_{name}": values for name, values in signer_columns(renewed).items()}
    shared = {"new_state": SignatureState.PENDING, "new_signed_at": now}
    rows = [
        dict(zip(columns, values, strict=True)) | shared
        for values in zip(*columns.values(), strict=True)
    ]
    session.connection().execute(_RENEW, rows)


def _note_answers(session: Session, entries: list[SignatureEntry], now: datetime) -> None:
    answers = [
        supporters.UpdatesAnswer(
            entry.petition.organisation_id,
            entry.supporter_id,
            entry.request.updates,
            signature_id=entry.signature_id,
        )
        for entry in entries
        if entry.request.updates is not None and entry.request.imported is None
    ]
    supporters.note_answers(session, answers, now=now)
    to_partners = [
        partner_consents.PartnerConsentAnswer(
            entry.partner, entry.supporter_id, entry.request.partner_contact, entry.signature_id
        )
        for entry in entries
        if entry.partner is not None and entry.request.partner_contact is not None
    ]
    partner_consents.note(session, to_partners, now=now)


def _notes(entries: list[SignatureEntry], keyring: Keyring) -> list[outbox.NewMessage]:
    """Returns one email per signature, however often the batch repeats it.

    There is none for disowned signatures, and of imports only for new ones that need confirmation.
    """
    notes = {}
    for entry in entries:
        if entry.state is SignatureState.REJECTED:
            continue
        if entry.request.imported and (entry.is_to_count or not entry.is_new):
            continue
        kind = (
            MessageKind.ALREADY_SIGNED
            if entry.state is SignatureState.CONFIRMED
            else MessageKind.CONFIRM_SIGNATURE
        )
        recipient = keyring.everywhere_index(entry.address.canonical)
        notes[entry.signature_id] = outbox.NewMessage(kind, entry.signature_id, recipient)
    return list(notes.values())
