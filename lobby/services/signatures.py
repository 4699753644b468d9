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
from lobby.models.base import new_id, table_of
from lobby.models.constituency import OVERSEAS, UNKNOWN
from lobby.models.postcode import PostcodeAnswer, PostcodeStatus
from lobby.services import outbox, petitions, supporters
from lobby.services.database import insert_ignore
from lobby.services.errors import LobbyError, NotFound
from lobby.services.idempotency import Answer, Keyed

Lookup = Callable[[str], PostcodeAnswer]
HOME = "GB"
_AGAIN = (SignatureState.PENDING, SignatureState.WITHDRAWN, SignatureState.EXPIRED)
_signature = table_of(Signature)
# Put together once: on the hot route that costs more than to send it. Not by petition as well: with
# statistics from before a rush, PostgreSQL takes a petition for small and reads all its signatures.
_OF_SUPPORTERS = sa.select(
    _signature.c.petition_id, _signature.c.supporter_id, _signature.c.id, _signature.c.state
).where(_signature.c.supporter_id.in_(sa.bindparam("supporters", expanding=True)))
_BY_SLUG = (
    select(Petition, col(Campaign.status))
    .join(Campaign, col(Campaign.id) == Petition.campaign_id)
    .where(col(Petition.slug).in_(sa.bindparam("slugs", expanding=True)))
)


@dataclass(frozen=True, slots=True)
class SignatureRequest:
    """A name for a petition, already checked for form (`services.texts`).

    `updates` is the answer to the question for consent; None where it was not asked. `once` comes
    with a key of the sender's, for `services.keyed_signatures`.
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
    once: "Keyed[Outcome] | None" = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one request. With an `error`, nothing was written for it.

    `is_repeat_in_batch` says that an earlier row of the same batch was the same signature. `answer`
    is kept for those who send the same again with the same key.
    """

    signature_id: UUID | None = None
    constituency_code: str | None = None
    is_new: bool = False
    is_repeat_in_batch: bool = False
    error: LobbyError | None = None
    answer: Answer | None = None


@dataclass(slots=True)
class _Entry:
    """One request on its way through `record`."""

    place: int
    request: SignatureRequest
    petition: Petition
    code: str
    address: supporters.Address
    supporter_id: UUID
    signature_id: UUID
    state: SignatureState = SignatureState.PENDING
    is_new: bool = False

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
    seen: set[UUID] = set()
    for entry in entries:
        is_repeat = entry.signature_id in seen
        seen.add(entry.signature_id)
        outcomes[entry.place] = Outcome(entry.signature_id, entry.code, entry.is_new, is_repeat)
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
) -> dict[str, Petition | LobbyError]:
    found: dict[str, Petition | LobbyError] = {}
    for petition, status in session.exec(_BY_SLUG, params={"slugs": list(slugs)}):
        try:
            petitions.require_open(petition, campaign_status=status, now=now)
            found[petition.slug] = petition
        except LobbyError as error:
            found[petition.slug] = error
    return found


def _entry(
    place: int,
    request: SignatureRequest,
    found: dict[str, Petition | LobbyError],
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
        supporter_id=new_id(),
        signature_id=new_id(),
    )


def _meet_supporters(session: Session, entries: list[_Entry], now: datetime) -> None:
    ids = supporters.meet(session, [entry.address for entry in entries], now=now)
    for entry in entries:
        entry.supporter_id = ids[entry.petition.organisation_id, entry.address.index]


def _insert_new(session: Session, entries: list[_Entry], now: datetime) -> None:
    """Insert what the petition does not have; afterwards each entry knows its row and state."""
    ordered = sorted(entries, key=lambda entry: (entry.petition.id, entry.supporter_id))
    insert_ignore(session, _signature, [_new_row(entry, now) for entry in ordered])
    wanted = {"supporters": list({entry.supporter_id for entry in entries})}
    found = session.connection().execute(_OF_SUPPORTERS, wanted)
    rows = {(row[0], row[1]): (row[2], row[3]) for row in found}
    for entry in entries:
        row_id, entry.state = rows[entry.petition.id, entry.supporter_id]
        entry.is_new = row_id == entry.signature_id
        entry.signature_id = row_id


def _new_row(entry: _Entry, now: datetime) -> dict[str, Any]:
    return {
        "id": entry.signature_id,
        "petition_id": entry.petition.id,
        "supporter_id": entry.supporter_id,
        "state": SignatureState.PENDING,
        **_as_signed(entry, now),
    }


def _as_signed(entry: _Entry, now: datetime) -> dict[str, Any]:
    request = entry.request
    return {
        "constituency_code": entry.code,
        "name": entry.private(request.name),
        "postcode": entry.private(request.postcode),
        "comment": entry.private(request.comment),
        "country": request.country,
        "locale": request.locale,
        "source": request.source,
        "partner_id": request.partner_id,
        "signed_at": now,
    }


def _renew(session: Session, entries: list[_Entry], now: datetime) -> None:
    """Who signs again before confirming, or after withdrawing, is taken at the newer word.

    A confirmed signature stays as it was confirmed, and a disowned one stays disowned.
    """
    rows = [
        {"row_id": entry.signature_id, "new_state": SignatureState.PENDING}
        | {f"new_{name}": value for name, value in _as_signed(entry, now).items()}
        for entry in sorted(entries, key=lambda entry: entry.signature_id)
        if not entry.is_new and entry.state in _AGAIN
    ]
    if not rows:
        return
    names = [name.removeprefix("new_") for name in rows[0] if name != "row_id"]
    statement = (
        sa.update(_signature)
        .where(
            _signature.c.id == sa.bindparam("row_id"),
            # Not `in_`: it cannot be sent for many rows at once.
            _signature.c.state != SignatureState.CONFIRMED,
            _signature.c.state != SignatureState.REJECTED,
        )
        .values({name: sa.bindparam(f"new_{name}") for name in names} | {"ended_at": None})
    )
    session.connection().execute(statement, rows)


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
