"""Signatures: the one way in. What becomes of them is in `services.signatures.signature_states`.

`record` takes any number of requests in a fixed handful of statements. A single POST, a bulk post,
an import and every dialect call it, so that the rules stand in one place.
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
    Import,
    OpenPetition,
    Outcome,
    SignatureEntry,
    SignatureRequest,
    as_imported,
    as_signed,
)
from services.supporters import partner_consents, supporters

__all__ = [
    "HOME",
    "Import",
    "Lookup",
    "Outcome",
    "SignatureRequest",
    "constituency_at",
    "constituency_of",
    "record",
]

Lookup = Callable[[str], PostcodeResult]
_AGAIN = (SignatureState.PENDING, SignatureState.WITHDRAWN, SignatureState.EXPIRED)
_signature = table_of(Signature)
# Not by petition as well: with statistics from before a rush, PostgreSQL takes a petition for small
# and reads all its signatures.
_OF_SUPPORTERS = BulkLookup(
    lambda among: sa.select(
        _signature.c.petition_id, _signature.c.supporter_id, _signature.c.id, _signature.c.state
    ).where(among(_signature.c.supporter_id, "supporters"))
)
# Columns and not a Petition: making the object costs more than to find the row.
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
# What is signed here now was given nowhere else.
_AFRESH = {"ended_at": None, "provenance": None}
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
        # Not `in_`: it cannot be sent for many rows at once.
        _signature.c.state != SignatureState.CONFIRMED,
        _signature.c.state != SignatureState.REJECTED,
    )
    .values({name: sa.bindparam(f"new_{name}") for name in _RENEWED} | _AFRESH)
)


def record(
    session: Session,
    requests: Sequence[SignatureRequest],
    *,
    postcodes: Lookup,
    keyring: Keyring,
    now: datetime,
) -> list[Outcome]:
    """Write down signatures, pending until confirmed by mail; one outcome a request, in order.

    A repeated signature is no error and queues its mail again, within the limit a day. A request
    for an unknown or closed petition, or with a malformed postcode, fails alone. An import is
    confirmed already, unless it says otherwise; repeated, it changes nothing and queues no mail.
    """
    outcomes = [Outcome()] * len(requests)
    entries = []
    found = _open_petitions(session, {request.petition_slug for request in requests}, now)
    owners = [each.organisation_id for each in found.values() if isinstance(each, OpenPetition)]
    partners = attribution.find(session, requests, owners)
    for place, request in enumerate(requests):
        try:
            entries.append(_entry(place, request, found, partners, postcodes, keyring))
        except LobbyError as error:
            outcomes[place] = Outcome(error=error)
    if entries:
        _meet_supporters(session, entries, now)
        _insert_new(session, entries, now)
        _renew(session, entries, now)
        if any(entry.request.imported for entry in entries):
            imported.count(session, entries, now=now)
            imported.note_answers(session, entries, now=now)
        _note_answers(session, entries, now)
        outbox.queue(session, _notes(entries, keyring), now=now)
    for entry in entries:
        outcomes[entry.place] = Outcome(
            row_id=entry.signature_id,
            constituency_code=entry.code,
            is_new=entry.is_new,
            is_repeat_in_batch=entry.is_repeat,
            is_counted=entry.is_counted,
            state=entry.state,
        )
    return outcomes


def constituency_of(request: SignatureRequest, postcodes: Lookup) -> str:
    """A constituency's code, 'unknown' or 'overseas'. Invalid where the postcode is malformed."""
    return constituency_at(request.country, request.postcode, postcodes)


def constituency_at(country: str, postcode: str, postcodes: Lookup) -> str:
    """As `constituency_of`, of a place."""
    if country != HOME:
        return OVERSEAS
    answer = postcodes(postcode)
    if answer.status is PostcodeStatus.NOT_IN_UK_PARLIAMENT:
        return OVERSEAS
    return answer.constituency_code or UNKNOWN


def _open_petitions(
    session: Session, slugs: set[str], now: datetime
) -> dict[str, OpenPetition | LobbyError]:
    rows = session.connection().execute(_BY_SLUG, {"slugs": list(slugs)})
    found: dict[str, OpenPetition | LobbyError] = {}
    for petition in rows:
        try:
            petitions.require_open(petition, campaign_status=petition.status, now=now)
            found[petition.slug] = OpenPetition(petition.id.hex, petition.organisation_id)
        except LobbyError as error:
            found[petition.slug] = error
    return found


def _entry(
    place: int,
    request: SignatureRequest,
    found: dict[str, OpenPetition | LobbyError],
    partners: Partners,
    postcodes: Lookup,
    keyring: Keyring,
) -> SignatureEntry:
    petition = found.get(request.petition_slug)
    if petition is None:
        raise NotFound("petition_unknown", f"There is no petition '{request.petition_slug}'.")
    if isinstance(petition, LobbyError):
        raise petition
    code = constituency_of(request, postcodes)
    known = None
    if request.imported is not None and request.imported.is_confirmed:
        known = supporters.Known(request.name, request.postcode, code, request.locale)
    owner = petition.organisation_id
    partner = partners.of(request, owner)
    address = supporters.EmailAddress.of(owner, request.email, keyring, known=known)
    return SignatureEntry(
        place=place,
        request=request,
        petition=petition,
        code=code,
        address=address,
        partner=partner,
    )


def _meet_supporters(session: Session, entries: list[SignatureEntry], now: datetime) -> None:
    met = supporters.meet(session, [entry.address for entry in entries], now=now)
    for entry, (supporter_id, is_new) in zip(entries, met, strict=True):
        entry.supporter_id, entry.is_new_supporter = supporter_id, is_new


def _insert_new(session: Session, entries: list[SignatureEntry], now: datetime) -> None:
    """Insert what the petitions do not have; afterwards each entry knows its row and state."""
    firsts: dict[tuple[str, str], SignatureEntry] = {}
    for entry in entries:
        firsts.setdefault((entry.petition.id, entry.supporter_id), entry)
    for entry, row_id in zip(firsts.values(), new_ids(len(firsts)), strict=True):
        entry.signature_id, entry.is_new = row_id, True
        if entry.is_to_count:
            entry.state = SignatureState.CONFIRMED
    ordered = [firsts[key] for key in sorted(firsts)]
    varying, shared = _columns(ordered, now)
    added = bulk.insert_columns(session, _signature, varying, shared, is_ignoring=True)
    if added < len(firsts):
        _find_in_place(session, firsts)
    for entry in entries:
        first = firsts[entry.petition.id, entry.supporter_id]
        if entry is not first:
            entry.signature_id, entry.state = first.signature_id, first.state
            entry.is_repeat = True


def _columns(
    entries: list[SignatureEntry], now: datetime
) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """What differs from row to row, and what all share."""
    varying = {
        "id": [entry.signature_id for entry in entries],
        "petition_id": [entry.petition.id for entry in entries],
        "supporter_id": [entry.supporter_id for entry in entries],
        **as_signed(entries),
    }
    if any(entry.request.imported for entry in entries):
        varying |= {"state": [entry.state for entry in entries], **as_imported(entries, now=now)}
        return varying, {}
    return varying, {"state": SignatureState.PENDING, "signed_at": now}


def _find_in_place(session: Session, firsts: dict[tuple[str, str], SignatureEntry]) -> None:
    """Some were there already: which, and in what state."""
    wanted = [UUID(supporter_id) for _, supporter_id in firsts]
    for petition_id, supporter_id, row_id, state in _OF_SUPPORTERS.rows(session, supporters=wanted):
        entry = firsts.get((petition_id.hex, supporter_id.hex))
        if entry is not None:
            entry.is_new = row_id.hex == entry.signature_id
            entry.signature_id, entry.state = row_id.hex, state


def _renew(session: Session, entries: list[SignatureEntry], now: datetime) -> None:
    """Who signs again before confirming, or after withdrawing, is taken at the newer word.

    A confirmed signature stays as it was confirmed, and a disowned one stays disowned.
    """
    again = sorted(
        (
            entry
            for entry in entries
            if not entry.is_new and entry.state in _AGAIN and entry.request.imported is None
        ),
        key=lambda entry: entry.signature_id,
    )
    if not again:
        return
    columns = {"row_id": [UUID(entry.signature_id) for entry in again]}
    columns |= {f"new_{name}": values for name, values in as_signed(again).items()}
    told = {"new_state": SignatureState.PENDING, "new_signed_at": now}
    rows = [
        dict(zip(columns, values, strict=True)) | told
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
    """One mail a signature, however often the batch repeats it; none to who disowned theirs, and
    of imports only to those whose word is asked for."""
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
