"""Turns submissions into signatures when their signers confirm them by mail.

A signature has the id of its submission, so that a second click finds it. Of two submissions of one
person, the first one that is confirmed stands; the other changes nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlmodel import Session

from models import Keyring, Private, Signature, SignatureState, Submission
from models.base import table_of
from services.consents.following import followed
from services.database import bulk
from services.database.bulk import BulkLookup
from services.errors import Conflict, Gone, LobbyError, Unavailable
from services.signatures import adoption
from services.submissions import payload
from services.submissions.payload import SignaturePayload, Unreadable
from services.supporters import confirmed_answers, supporters, tags
from services.supporters.confirmed_answers import ConfirmedAnswers, PartnerAnswer
from services.supporters.supporters import EmailAddress, ImportedAnswer, SupporterDetails
from services.tallies import counts
from services.webhooks import events
from services.webhooks.events import SignatureFact

_signature, _submission = table_of(Signature), table_of(Submission)


@dataclass(frozen=True, slots=True)
class StandingSignature:
    """What answers need of a signature that stands.

    A `Signature` with all its columns would take as long to make as to store.
    """

    id: UUID
    petition_id: UUID
    constituency_code: str
    name: Private
    provenance: str | None
    confirmed_at: datetime
    confirmed_by_signer: bool = True


_LOCKED = BulkLookup(
    lambda among: (
        sa.select(
            _submission.c.id,
            _submission.c.petition_id,
            _submission.c.constituency_code,
            _submission.c.received_at,
            sa.type_coerce(_submission.c.payload, sa.LargeBinary).label("sealed"),
        )
        .where(among(_submission.c.id, "ids"), _submission.c.petition_id.is_not(None))
        .order_by(_submission.c.id)
        .with_for_update()
    )
)
# Not filtered by petition as well: with statistics from before a rush, PostgreSQL assumes that the
# petition is small and reads all its signatures.
_STANDING = BulkLookup(
    lambda among: sa.select(
        _signature.c.petition_id, _signature.c.supporter_id, _signature.c.id
    ).where(
        among(_signature.c.supporter_id, "supporters"),
        _signature.c.state == sa.literal_column("'confirmed'"),
    )
)
_DECIDED = (SignatureState.CONFIRMED, SignatureState.WITHDRAWN, SignatureState.REJECTED)
_IDS: sa.BindParameter[Sequence[UUID]] = sa.bindparam("ids", expanding=True)
_BY_ID = sa.select(
    _signature.c.state, *(_signature.c[name] for name in StandingSignature.__dataclass_fields__)
).where(_signature.c.id.in_(_IDS), _signature.c.state.in_(_DECIDED))
_BY_SIGNER = (
    sa.update(_signature)
    .where(_signature.c.id.in_(_IDS), ~_signature.c.confirmed_by_signer)
    .values(confirmed_by_signer=True)
    .returning(_signature.c.id)
)
_DELETE = sa.delete(_submission).where(_submission.c.id.in_(_IDS))
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The outcome of one confirmation: the signature that stands now, or the error."""

    signature: StandingSignature | None = None
    error: LobbyError | None = None


class _Pair(NamedTuple):
    """A petition and a supporter, both ids in hex digits."""

    petition_id: str
    supporter_id: str


@dataclass(slots=True)
class _Confirming:
    """A submission while it is confirmed. Ids in hex digits, as the bulk inserts take them."""

    id: UUID
    petition_id: UUID
    code: str
    received_at: datetime
    organisation_id: UUID
    payload: SignaturePayload
    address: EmailAddress
    pair: _Pair
    is_new_supporter: bool = False

    @property
    def supporter_id(self) -> str:
        return self.pair.supporter_id

    @property
    def partner_id(self) -> UUID | None:
        partner = self.payload.partner
        return partner.id if partner else self.payload.partner_id

    def private(self, text: str | None) -> Private | None:
        return None if text is None else Private(self.organisation_id, text)


def confirm(session: Session, submission_id: UUID, *, keyring: Keyring, now: datetime) -> Signature:
    """Confirms one submission and reads the signature that stands. Raises as `confirm_all`."""
    (confirmation,) = confirm_all(session, [submission_id], keyring=keyring, now=now)
    if confirmation.signature is None:
        raise confirmation.error or _gone()
    return session.get_one(Signature, confirmation.signature.id, populate_existing=True)


def confirm_all(
    session: Session, ids: Sequence[UUID], *, keyring: Keyring, now: datetime
) -> list[Confirmation]:
    """Confirms and counts submissions, each once, in a small, fixed number of statements.

    Signatures from before submissions, which are pending, become submissions first.
    Returns one outcome per id, in order: the signature that stands, or Conflict if it was withdrawn
    or disowned, Gone if there is nothing any more, Unavailable if the submission does not open.
    Every batch takes its locks in the order submissions, supporters, signatures, tallies, and of
    each by key, so that two concurrent batches cannot deadlock.
    """
    distinct = sorted(set(ids))
    rows, signatures = _look(session, distinct)
    outcomes: dict[UUID, Confirmation] = {}
    if missing := set(distinct) - {row.id for row in rows} - signatures.keys():
        left = adoption.adopt(session, missing, keyring=keyring, now=now).left
        outcomes = {row_id: Confirmation(error=payload.unreadable()) for row_id in left}
        # Also for those that the job has adopted since we looked.
        rows, signatures = _look(session, distinct)
    outcomes |= signatures
    confirming = []
    for row in rows:
        if row.id not in outcomes:
            try:
                confirming.append(_confirming(row, keyring))
            except Unreadable:
                log.error("submission_unreadable", submission=str(row.id))
                outcomes[row.id] = Confirmation(error=payload.unreadable())
    if confirming:
        outcomes |= _confirm(session, confirming, now)
    return [outcomes.get(row_id) or Confirmation(error=_gone()) for row_id in ids]


def _look(session: Session, ids: Sequence[UUID]) -> tuple[list[Any], dict[UUID, Confirmation]]:
    rows = list(_LOCKED.rows(session, ids=ids))
    # A confirmation deletes its submission, so only the others can be signatures. This comes after
    # the lock, so that a twin of this batch that was committed first is found.
    return rows, _signatures(session, set(ids) - {row.id for row in rows})


def _confirm(
    session: Session, confirming: Sequence[_Confirming], now: datetime
) -> dict[UUID, Confirmation]:
    _add_supporters(session, confirming, now)
    counted, standing = _insert(session, confirming, now)
    of_imports = _of_imports(session, confirming, standing)
    new = {each.id: Confirmation(_new_signature(each, now)) for each in counted}
    signatures = new | _signatures(session, set(standing.values()) - new.keys())
    _update_supporters(session, [*counted, *of_imports])
    known = _answering_again(counted, of_imports)
    with followed(session, known, now=now, new=new):
        _save_answers(session, counted, of_imports, now)
    _tag(session, [*counted, *of_imports], now)
    if counted:
        _count(session, counted, now)
        session.connection().execute(_DELETE, {"ids": [each.id for each in counted]})
    return {
        each.id: _outcome(signatures, each.id if each.id in new else standing.get(each.pair))
        for each in confirming
    }


def _outcome(signatures: Mapping[UUID, Confirmation], signature_id: UUID | None) -> Confirmation:
    found = signatures.get(signature_id) if signature_id else None
    if found is None or found.signature is None:
        message = "Somebody is changing this signature right now. Please try again in a moment."
        return Confirmation(error=Unavailable("busy", message, retry_after=1))
    return found


def _of_imports(
    session: Session, confirming: Sequence[_Confirming], standing: Mapping[_Pair, UUID]
) -> list[_Confirming]:
    """Returns the first words of people for whose signatures only an importer vouched so far.

    Each such signature is confirmed by its signer from now on, so that later links change nothing.
    """
    if not standing:
        return []
    by_signature: dict[UUID, _Confirming] = {}
    for each in sorted(confirming, key=lambda each: each.id):
        if each.pair in standing:
            by_signature.setdefault(standing[each.pair], each)
    if not by_signature:
        return []
    changed = session.connection().execute(_BY_SIGNER, {"ids": sorted(by_signature)}).scalars()
    return [by_signature[signature_id] for signature_id in sorted(changed)]


def _confirming(row: Any, keyring: Keyring) -> _Confirming:
    organisation_id, contents = payload.open_sealed(row.sealed, keyring)
    details = SupporterDetails(
        contents.name, contents.postcode, row.constituency_code, contents.locale
    )
    return _Confirming(
        id=row.id,
        petition_id=row.petition_id,
        code=row.constituency_code,
        received_at=row.received_at,
        organisation_id=organisation_id,
        payload=contents,
        address=EmailAddress.of(organisation_id, contents.email, keyring, details=details),
        pair=_Pair(row.petition_id.hex, ""),
    )


def _add_supporters(session: Session, confirming: Sequence[_Confirming], now: datetime) -> None:
    ids = supporters.find_or_add(session, [each.address for each in confirming], now=now)
    inserted: set[str] = set()
    for each, (supporter_id, is_new) in zip(confirming, ids, strict=True):
        each.pair = each.pair._replace(supporter_id=supporter_id)
        # Only of the first one of a person were the details inserted.
        each.is_new_supporter = is_new and supporter_id not in inserted
        inserted.add(supporter_id)


def _insert(
    session: Session, confirming: Sequence[_Confirming], now: datetime
) -> tuple[list[_Confirming], dict[_Pair, UUID]]:
    """Inserts signatures; returns those that went in, and for the others the standing one's id."""
    firsts: dict[_Pair, _Confirming] = {}
    for each in confirming:
        firsts.setdefault(each.pair, each)
    ordered = [firsts[pair] for pair in sorted(firsts)]
    varying, shared = _columns(ordered, now)
    added = bulk.insert_columns(session, _signature, varying, shared, skip_existing=True)
    if added == len(confirming):
        return ordered, {}
    standing = _standing(session, firsts)
    counted = [each for each in ordered if standing.get(each.pair) == each.id]
    return counted, standing


def _standing(session: Session, pairs: "dict[_Pair, _Confirming]") -> dict[_Pair, UUID]:
    supporter_ids = [UUID(supporter_id) for supporter_id in {pair.supporter_id for pair in pairs}]
    rows = _STANDING.rows(session, supporters=supporter_ids)
    by_pair = {
        _Pair(petition_id.hex, owner_id.hex): row_id for petition_id, owner_id, row_id in rows
    }
    return {pair: by_pair[pair] for pair in pairs if pair in by_pair}


def _columns(
    ordered: Sequence[_Confirming], now: datetime
) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    payloads = [each.payload for each in ordered]
    # The clock of the process that answered the post may be ahead of ours.
    confirmed_at = [max(now, each.received_at) for each in ordered]
    varying: dict[str, list[Any]] = {
        "id": [each.id for each in ordered],
        "petition_id": [each.petition_id for each in ordered],
        "supporter_id": [each.supporter_id for each in ordered],
        "constituency_code": [each.code for each in ordered],
        "name": [each.private(each.payload.name) for each in ordered],
        "postcode": [each.private(each.payload.postcode) for each in ordered],
        "comment": [each.private(each.payload.comment) for each in ordered],
        "country": [contents.country for contents in payloads],
        "locale": [contents.locale for contents in payloads],
        "source": [contents.source for contents in payloads],
        "partner_id": [each.partner_id for each in ordered],
        "provenance": [contents.provenance for contents in payloads],
        "signed_at": [each.received_at for each in ordered],
        "confirmed_at": confirmed_at,
        "changed_at": confirmed_at,
        "partner_changed_at": [
            at if each.partner_id else None for at, each in zip(confirmed_at, ordered, strict=True)
        ],
    }
    return varying, {"state": SignatureState.CONFIRMED}


def _update_supporters(session: Session, confirmed: Sequence[_Confirming]) -> None:
    """Copies what was confirmed to supporters, of several submissions of a person the newest."""
    by_age = sorted(confirmed, key=lambda each: each.id)
    people = {each.supporter_id: each.address for each in by_age if not each.is_new_supporter}
    supporters.set_details(session, people)


def _answering_again(
    counted: Sequence[_Confirming], of_imports: Sequence[_Confirming]
) -> list[UUID]:
    """Returns the ids of people with answers who may have signed something before."""
    return sorted(
        {
            UUID(each.supporter_id)
            for each in (*counted, *of_imports)
            if not each.is_new_supporter
            and (each.payload.updates is not None or each.payload.partner_contact is not None)
        }
    )


def _save_answers(
    session: Session,
    counted: Sequence[_Confirming],
    of_imports: Sequence[_Confirming],
    now: datetime,
) -> None:
    here = [each for each in counted if each.payload.provenance is None]
    confirmed_answers.save(session, [_answers(each, each.id) for each in here], now=now)
    again = [_answers(each, None) for each in of_imports]
    confirmed_answers.save(session, again, now=now)
    elsewhere = [
        ImportedAnswer(
            each.organisation_id,
            UUID(each.supporter_id),
            each.payload.updates,
            signature_id=each.id,
            provenance=each.payload.provenance,
            given_at=_given_at(each),
            effective_at=now,
        )
        for each in counted
        if each.payload.provenance is not None and each.payload.updates is not None
    ]
    supporters.note_imported(session, elsewhere, now=now)


def _answers(each: _Confirming, signature_id: UUID | None) -> ConfirmedAnswers:
    partner, granted = each.payload.partner, each.payload.partner_contact
    return ConfirmedAnswers(
        each.organisation_id,
        each.supporter_id,
        each.received_at,
        updates=each.payload.updates,
        partner=PartnerAnswer(partner.slug, partner.name, granted)
        if partner is not None and granted is not None
        else None,
        signature_id=signature_id,
    )


def _given_at(each: _Confirming) -> datetime:
    given_at = each.payload.given_at
    return datetime.fromisoformat(given_at) if given_at else each.received_at


def _tag(session: Session, confirmed: Sequence[_Confirming], now: datetime) -> None:
    taggings = [
        (tag_id, UUID(each.supporter_id)) for each in confirmed for tag_id in each.payload.tag_ids
    ]
    tags.add_confirmed(session, taggings, now=now)


def _count(session: Session, counted: Sequence[_Confirming], now: datetime) -> None:
    by_seat = ((each.pair.petition_id, each.code) for each in counted)
    counts.count_signatures(session, by_seat, now=now)
    facts = [
        SignatureFact(each.id, each.petition_id, each.code, each.received_at) for each in counted
    ]
    events.signatures_confirmed(session, facts, now=now)


def _new_signature(each: _Confirming, now: datetime) -> StandingSignature:
    """Returns what `_insert` has inserted, without reading it again."""
    return StandingSignature(
        each.id,
        each.petition_id,
        each.code,
        Private(each.organisation_id, each.payload.name),
        each.payload.provenance,
        max(now, each.received_at),
    )


def _signatures(session: Session, ids: Collection[UUID]) -> dict[UUID, Confirmation]:
    """Returns what a confirmation of signatures finds, by their ids."""
    if not ids:
        return {}
    rows = session.connection().execute(_BY_ID, {"ids": list(ids)})
    return {values[0]: _of_signature(state, *values) for state, *values in rows}


def _of_signature(state: SignatureState, *values: Any) -> Confirmation:
    if state is SignatureState.CONFIRMED:
        return Confirmation(StandingSignature(*values))
    message = "This signature has been removed. You can sign again."
    return Confirmation(error=Conflict("signature_ended", message))


def _gone() -> Gone:
    message = "This link has expired, or the signature has been removed. You can sign again."
    return Gone("signature_expired", message)
