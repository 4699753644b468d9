"""Signatures: the one way in. What becomes of them is in `services.signature_states`.

`record` takes any number of requests in a fixed handful of statements. A single POST, a bulk post,
an import and every dialect call it, so that the rules stand in one place.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from lobby.models import (
    Campaign,
    Keyring,
    MessageKind,
    Petition,
    Private,
    Signature,
    SignatureState,
)
from lobby.models.base import new_ids, table_of
from lobby.models.constituency import OVERSEAS, UNKNOWN
from lobby.models.postcode import PostcodeAnswer, PostcodeStatus
from lobby.services import bulk_inserts, outbox, petitions, supporters
from lobby.services.bulk_lookups import BulkLookup
from lobby.services.errors import LobbyError, NotFound

Lookup = Callable[[str], PostcodeAnswer]
HOME = "GB"
_AGAIN = (SignatureState.PENDING, SignatureState.WITHDRAWN, SignatureState.EXPIRED)
_signature = table_of(Signature)
# Not by petition as well: with statistics from before a rush, PostgreSQL takes a petition for small
# and reads all its signatures.
_OF_SUPPORTERS = BulkLookup(
    lambda among: sa.select(
        _signature.c.petition_id, _signature.c.supporter_id, _signature.c.id, _signature.c.state
    ).where(among(_signature.c.supporter_id, "supporters"))
)
# Put together once: on the hot route that costs more than to send it.
_BY_SLUG = (
    select(Petition, col(Campaign.status))
    .join(Campaign, col(Campaign.id) == Petition.campaign_id)
    .where(col(Petition.slug).in_(sa.bindparam("slugs", expanding=True)))
)
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
    .values({name: sa.bindparam(f"new_{name}") for name in _RENEWED} | {"ended_at": None})
)


@dataclass(frozen=True, slots=True)
class SignatureRequest:
    """A name for a petition, already checked for form (`services.texts`).

    `updates` is the answer to the question for consent; None where it was not asked.
    """

    petition_slug: str
    name: str
    email: str
    postcode: str
    country: str = HOME
    comment: str | None = None
    locale: str = "en"
    source: str | None = None
    updates: bool | None = None
    partner_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one request. With an `error`, nothing was written for it.

    `row_id` is the signature's, as hex digits. `is_repeat_in_batch` says that an earlier row of the
    same batch was the same signature.
    """

    row_id: str | None = None
    constituency_code: str | None = None
    is_new: bool = False
    is_repeat_in_batch: bool = False
    error: LobbyError | None = None

    @property
    def signature_id(self) -> UUID | None:
        """Made when asked for: of most outcomes nobody wants to know it."""
        return UUID(self.row_id) if self.row_id else None


@dataclass(frozen=True, slots=True)
class _OpenPetition:
    """What `record` needs of one."""

    id: str
    organisation_id: UUID


@dataclass(slots=True)
class _Entry:
    """One request on its way through `record`."""

    place: int
    request: SignatureRequest
    petition: _OpenPetition
    code: str
    address: supporters.Address
    supporter_id: str = ""
    signature_id: str = ""
    state: SignatureState = SignatureState.PENDING
    is_new: bool = False
    is_repeat: bool = False

    def private(self, text: str | None) -> Private | None:
        return None if text is None else Private(self.petition.organisation_id, text)


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
    for an unknown or closed petition, or with a malformed postcode, fails alone.
    """
    outcomes = [Outcome()] * len(requests)
    entries = []
    found = _open_petitions(session, {request.petition_slug for request in requests}, now)
    for place, request in enumerate(requests):
        try:
            entries.append(_entry(place, request, found, postcodes, keyring))
        except LobbyError as error:
            outcomes[place] = Outcome(error=error)
    if entries:
        _meet_supporters(session, entries, now)
        _insert_new(session, entries, now)
        _renew(session, entries, now)
        _note_answers(session, entries, now)
        outbox.queue(session, _notes(entries, keyring), now=now)
    for entry in entries:
        outcomes[entry.place] = Outcome(
            entry.signature_id, entry.code, entry.is_new, entry.is_repeat
        )
    return outcomes


def constituency_of(request: SignatureRequest, postcodes: Lookup) -> str:
    """A constituency's code, 'unknown' or 'overseas'. Invalid where the postcode is malformed."""
    if request.country != HOME:
        return OVERSEAS
    answer = postcodes(request.postcode)
    if answer.status is PostcodeStatus.NOT_IN_UK_PARLIAMENT:
        return OVERSEAS
    return answer.constituency_code or UNKNOWN


def _open_petitions(
    session: Session, slugs: set[str], now: datetime
) -> dict[str, _OpenPetition | LobbyError]:
    found: dict[str, _OpenPetition | LobbyError] = {}
    for petition, status in session.exec(_BY_SLUG, params={"slugs": list(slugs)}):
        try:
            petitions.require_open(petition, campaign_status=status, now=now)
            found[petition.slug] = _OpenPetition(petition.id.hex, petition.organisation_id)
        except LobbyError as error:
            found[petition.slug] = error
    return found


def _entry(
    place: int,
    request: SignatureRequest,
    found: dict[str, _OpenPetition | LobbyError],
    postcodes: Lookup,
    keyring: Keyring,
) -> _Entry:
    petition = found.get(request.petition_slug)
    if petition is None:
        raise NotFound("petition_unknown", f"There is no petition '{request.petition_slug}'.")
    if isinstance(petition, LobbyError):
        raise petition
    return _Entry(
        place=place,
        request=request,
        petition=petition,
        code=constituency_of(request, postcodes),
        address=supporters.Address.of(petition.organisation_id, request.email, keyring),
    )


def _meet_supporters(session: Session, entries: list[_Entry], now: datetime) -> None:
    ids = supporters.meet(session, [entry.address for entry in entries], now=now)
    for entry, supporter_id in zip(entries, ids, strict=True):
        entry.supporter_id = supporter_id


def _insert_new(session: Session, entries: list[_Entry], now: datetime) -> None:
    """Insert what the petitions do not have; afterwards each entry knows its row and state."""
    firsts: dict[tuple[str, str], _Entry] = {}
    for entry in entries:
        firsts.setdefault((entry.petition.id, entry.supporter_id), entry)
    for entry, row_id in zip(firsts.values(), new_ids(len(firsts)), strict=True):
        entry.signature_id, entry.is_new = row_id, True
    ordered = [firsts[key] for key in sorted(firsts)]
    varying = {
        "id": [entry.signature_id for entry in ordered],
        "petition_id": [entry.petition.id for entry in ordered],
        "supporter_id": [entry.supporter_id for entry in ordered],
        **_as_signed(ordered),
    }
    shared = {"state": SignatureState.PENDING, "signed_at": now}
    added = bulk_inserts.insert_columns(session, _signature, varying, shared, is_ignoring=True)
    if added < len(firsts):
        _find_in_place(session, firsts)
    for entry in entries:
        first = firsts[entry.petition.id, entry.supporter_id]
        if entry is not first:
            entry.signature_id, entry.state = first.signature_id, first.state
            entry.is_repeat = True


def _find_in_place(session: Session, firsts: dict[tuple[str, str], _Entry]) -> None:
    """Some were there already: which, and in what state."""
    wanted = [UUID(supporter_id) for _, supporter_id in firsts]
    for petition_id, supporter_id, row_id, state in _OF_SUPPORTERS.rows(session, supporters=wanted):
        entry = firsts.get((petition_id.hex, supporter_id.hex))
        if entry is not None:
            entry.is_new = row_id.hex == entry.signature_id
            entry.signature_id, entry.state = row_id.hex, state


def _as_signed(entries: list[_Entry]) -> dict[str, list[Any]]:
    """What people gave, by columns."""
    requests = [entry.request for entry in entries]
    return {
        "constituency_code": [entry.code for entry in entries],
        "name": [entry.private(entry.request.name) for entry in entries],
        "postcode": [entry.private(entry.request.postcode) for entry in entries],
        "comment": [entry.private(entry.request.comment) for entry in entries],
        "country": [request.country for request in requests],
        "locale": [request.locale for request in requests],
        "source": [request.source for request in requests],
        "partner_id": [request.partner_id for request in requests],
    }


def _renew(session: Session, entries: list[_Entry], now: datetime) -> None:
    """Who signs again before confirming, or after withdrawing, is taken at the newer word.

    A confirmed signature stays as it was confirmed, and a disowned one stays disowned.
    """
    again = sorted(
        (entry for entry in entries if not entry.is_new and entry.state in _AGAIN),
        key=lambda entry: entry.signature_id,
    )
    if not again:
        return
    columns = {"row_id": [UUID(entry.signature_id) for entry in again]}
    columns |= {f"new_{name}": values for name, values in _as_signed(again).items()}
    told = {"new_state": SignatureState.PENDING, "new_signed_at": now}
    rows = [
        dict(zip(columns, values, strict=True)) | told
        for values in zip(*columns.values(), strict=True)
    ]
    session.connection().execute(_RENEW, rows)


def _note_answers(session: Session, entries: list[_Entry], now: datetime) -> None:
    answers = [
        supporters.Answer(
            entry.petition.organisation_id,
            entry.supporter_id,
            entry.request.updates,
            signature_id=entry.signature_id,
        )
        for entry in entries
        if entry.request.updates is not None
    ]
    supporters.note_answers(session, answers, now=now)


def _notes(entries: list[_Entry], keyring: Keyring) -> list[outbox.Note]:
    """One mail a signature, however often the batch repeats it; none to who disowned theirs."""
    notes = {}
    for entry in entries:
        if entry.state is SignatureState.REJECTED:
            continue
        kind = (
            MessageKind.ALREADY_SIGNED
            if entry.state is SignatureState.CONFIRMED
            else MessageKind.CONFIRM_SIGNATURE
        )
        recipient = keyring.everywhere_index(entry.address.canonical)
        notes[entry.signature_id] = outbox.Note(kind, entry.signature_id, recipient)
    return list(notes.values())
