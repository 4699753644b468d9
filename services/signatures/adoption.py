"""Turns signatures from before submissions, which wait for confirmation, into submissions.

A pending signature becomes a submission with the same id, so that the links in its emails work.
Where nobody has confirmed it for 14 days, it is deleted. All functions can run beside processes of
an earlier version. When no process writes pending signatures any more, this module can go.

Transactions lock submissions before pending signatures. `adopt_next` waits for no lock.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import (
    Consent,
    Keyring,
    Petition,
    Private,
    Signature,
    SignatureState,
    Submission,
    SubmissionKind,
    SubmissionState,
    Supporter,
)
from models.base import table_of
from services.common.ids import moment_of
from services.database import bulk
from services.signatures import pending_rows
from services.signatures.pending_rows import PendingSignature
from services.submissions import payload
from services.submissions.ending import KEPT_FOR, Subject
from services.supporters import unknown

AT_ONCE = 200
_SLACK = timedelta(minutes=1)
"""How much earlier than its first signature a supporter of it can be dated."""
_UNCONFIRMED = (SignatureState.PENDING, SignatureState.EXPIRED)
_signature, _supporter = table_of(Signature), table_of(Supporter)
_submission, _petition = table_of(Submission), table_of(Petition)
_consent = table_of(Consent)
_IDS: sa.BindParameter[Sequence[UUID]] = sa.bindparam("ids", expanding=True)
_BY_ID = pending_rows.BY_ID.with_for_update(of=_signature)
_NEXT = (
    pending_rows.ROWS.order_by(_signature.c.signed_at, _signature.c.id)
    .limit(sa.bindparam("limit"))
    .with_for_update(of=_signature, skip_locked=True)
)
_DELETABLE = (
    _signature.c.id,
    _signature.c.supporter_id,
    _signature.c.signed_at,
    _supporter.c.created_at,
)
_POSITION = sa.tuple_(_signature.c.signed_at, _signature.c.id)
_OF_ADDRESS = (
    sa.select(*_DELETABLE)
    .select_from(
        _supporter.join(
            _petition, _petition.c.organisation_id == _supporter.c.organisation_id
        ).join(
            _signature,
            sa.and_(
                _signature.c.supporter_id == _supporter.c.id,
                _signature.c.petition_id == _petition.c.id,
            ),
        )
    )
    .where(_signature.c.state.in_(_UNCONFIRMED))
    .order_by(_signature.c.id)
    .with_for_update(of=_signature)
)
_EXPIRED = (
    sa.select(*_DELETABLE)
    .join(_supporter, _supporter.c.id == _signature.c.supporter_id)
    .where(_signature.c.id.in_(_IDS), _signature.c.state == SignatureState.EXPIRED)
    .order_by(_signature.c.id)
    .with_for_update(of=_signature, skip_locked=True)
)


class Position(NamedTuple):
    """A place in the order in which pending signatures are looked at."""

    signed_at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class Adopted:
    """What became of some pending signatures.

    `last` is the position of the last one, None if there were none. `left` are the ids of those
    that cannot be decrypted: they stay until they are too old.
    """

    adopted: int
    deleted: int
    left: tuple[UUID, ...]
    last: Position | None


def adopt_next(
    session: Session, *, after: Position | None, keyring: Keyring, now: datetime
) -> Adopted:
    """Adopts or deletes the next 200 pending signatures after a position, the oldest first.

    It leaves out those that another transaction has locked.
    """
    statement = _NEXT
    if after is not None:
        moment = sa.literal(after.signed_at, _signature.c.signed_at.type)
        place = sa.tuple_(moment, sa.literal(after.id, _signature.c.id.type))
        # The first condition is for the index.
        statement = statement.where(_signature.c.signed_at >= moment, place < _POSITION)
    rows = session.connection().execute(statement, {"limit": AT_ONCE}).all()
    return _adopt(session, rows, keyring, now)


def adopt(session: Session, ids: Collection[UUID], *, keyring: Keyring, now: datetime) -> Adopted:
    """Adopts or deletes those of these signatures that are pending. Waits for their locks."""
    rows = session.connection().execute(_BY_ID, {"ids": sorted(ids)}).all()
    return _adopt(session, rows, keyring, now)


def subject_of(session: Session, signature_id: UUID) -> Subject | None:
    """Returns the petition and the address of an unconfirmed signature; None if there is none."""
    statement = (
        sa.select(_signature.c.petition_id, _supporter.c.email_index)
        .join(_supporter, _supporter.c.id == _signature.c.supporter_id)
        .where(_signature.c.id == signature_id, _signature.c.state.in_(_UNCONFIRMED))
    )
    row = session.connection().execute(statement).first()
    return Subject(row.petition_id, bytes(row.email_index)) if row else None


def delete(session: Session, subject: Subject) -> list[UUID]:
    """Deletes the unconfirmed signatures of an address under a petition; returns their ids."""
    statement = _OF_ADDRESS.where(
        _petition.c.id == subject.subject_id, _supporter.c.email_index == subject.address_index
    )
    rows = session.connection().execute(statement).all()
    _delete_rows(session, rows)
    return [row.id for row in rows]


def expired(session: Session, *, after: UUID, limit: int) -> tuple[list[UUID], UUID | None]:
    """Finds the expired signatures among the `limit` next ones, in the order of their ids.

    Also returns the last id of these, None at the end. There is no index for it: all calls together
    read the whole table.
    """
    later = sa.select(_signature.c.id).where(_signature.c.id > after).order_by(_signature.c.id)
    last = session.connection().execute(later.offset(limit - 1).limit(1)).scalar()
    found = later.where(_signature.c.state == SignatureState.EXPIRED)
    if last is not None:
        found = found.where(_signature.c.id <= last)
    return list(session.connection().execute(found).scalars()), last


def delete_expired(session: Session, ids: Sequence[UUID]) -> int:
    """Deletes those of these signatures that have expired; returns how many."""
    rows = session.connection().execute(_EXPIRED, {"ids": list(ids)}).all()
    _delete_rows(session, rows)
    return len(rows)


def _adopt(session: Session, rows: Sequence[Any], keyring: Keyring, now: datetime) -> Adopted:
    too_late = now - KEPT_FOR
    old = [row for row in rows if row.signed_at < too_late]
    young = {row.id: row for row in rows if row.signed_at >= too_late}
    found, left = pending_rows.opened(session, list(young.values()), keyring)
    _delete_rows(session, old)
    if found:
        _insert(session, found, young)
        _remove(session, [pending.id for pending in found])
        _date_supporters(session, [young[pending.id] for pending in found])
    last = Position(rows[-1].signed_at, rows[-1].id) if rows else None
    return Adopted(len(found), len(old), tuple(left), last)


def _insert(session: Session, found: Sequence[PendingSignature], rows: Mapping[UUID, Any]) -> None:
    varying: dict[str, list[Any]] = {
        "id": [pending.id for pending in found],
        "petition_id": [pending.petition_id for pending in found],
        "constituency_code": [pending.constituency_code for pending in found],
        "received_at": [pending.received_at for pending in found],
        "payload": [_sealed(pending) for pending in found],
        "address_index": [bytes(rows[pending.id].email_index) for pending in found],
    }
    shared = {"kind": SubmissionKind.SIGNATURE, "state": SubmissionState.ASKED}
    bulk.insert_columns(session, _submission, varying, shared, skip_existing=False)


def _sealed(pending: PendingSignature) -> Private:
    return payload.seal(pending.organisation_id, pending.contents)


def _delete_rows(session: Session, rows: Sequence[Any]) -> None:
    _remove(session, [row.id for row in rows])
    unknown.delete(session, [row.supporter_id for row in rows if _came_with(row)])


def _remove(session: Session, ids: Sequence[UUID]) -> None:
    """Deletes signatures with their waiting consents. Consents that are in force stay."""
    if not ids:
        return
    of_rows = _consent.c.signature_id.in_(ids)
    waiting = sa.delete(_consent).where(of_rows, _consent.c.effective_at.is_(None))
    session.connection().execute(waiting)
    session.connection().execute(sa.update(_consent).where(of_rows).values(signature_id=None))
    session.connection().execute(sa.delete(_signature).where(_signature.c.id.in_(ids)))


def _date_supporters(session: Session, rows: Iterable[Any]) -> None:
    """Dates supporters who came with a signature like their submissions.

    So that `ending` recognises them: they are deleted with it if nothing else is known of them.
    They stay until then for the links to preferences in emails.
    """
    moments = {
        row.supporter_id: row.signed_at
        for row in rows
        if _came_with(row) and row.created_at != row.signed_at
    }
    ids = sorted(moments)
    varying = {"created_at": [moments[supporter_id] for supporter_id in ids]}
    bulk.update_columns(session, _supporter, ids, varying, {}, condition="name IS NULL")


def _came_with(row: Any) -> bool:
    """Returns whether a supporter was not known before a signature."""
    # The id of a signature that was signed again is from the first time.
    first = min(row.signed_at, moment_of(row.id))
    return bool(row.created_at >= first - _SLACK)
