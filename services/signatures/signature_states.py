"""The states of a signature after it is recorded: confirmed, withdrawn, disowned, expired.

Every change is a conditional update on the previous state, so that of two concurrent changes one
succeeds and the tally changes once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import Private, Signature, SignatureState, Supporter
from models.base import table_of
from services.errors import Conflict, Gone, LobbyError, NotFound
from services.supporters import seat_watches, supporters
from services.tallies import counts
from services.webhooks import events
from services.webhooks.events import SignatureFact

EXPIRES_AFTER = timedelta(days=30)
UNCONFIRMED = (SignatureState.PENDING, SignatureState.EXPIRED)
_signature = table_of(Signature)
_supporter = table_of(Supporter)
# Built once at import: on the hot path, building a statement costs more than executing it.
_IDS: sa.BindParameter[Sequence[UUID]] = sa.bindparam("ids", expanding=True)
_LOCKED = (
    sa.select(_signature.c.id)
    .where(_signature.c.id.in_(_IDS))
    .order_by(_signature.c.id)
    .with_for_update()
)
_CONFIRM = (
    sa.update(_signature)
    .where(_signature.c.id.in_(_IDS), _signature.c.state == SignatureState.PENDING)
    .values(state=sa.bindparam("new_state"), confirmed_at=sa.bindparam("new_confirmed_at"))
    .returning(_signature.c.id)
)
_BY_ID = select(Signature).where(col(Signature.id).in_(_IDS))
_UPDATE_SUPPORTER = (
    sa.update(_supporter)
    .where(_supporter.c.id == sa.bindparam("row_id"))
    .values(
        name=sa.bindparam("new_name"),
        postcode=sa.bindparam("new_postcode"),
        constituency_code=sa.bindparam("new_code"),
        locale=sa.bindparam("new_locale"),
    )
)
_REFRESH = {"populate_existing": True}


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The outcome of one confirmation; with an `error`, nothing was changed."""

    signature: Signature | None = None
    error: LobbyError | None = None


def confirm(session: Session, signature_id: UUID, *, now: datetime) -> Signature:
    """Confirm a signature and count it; returns it unchanged if it is confirmed already.

    Raises Gone if it has expired, Conflict if it was withdrawn or disowned, and NotFound.
    """
    (confirmation,) = confirm_all(session, [signature_id], now=now)
    if confirmation.signature is None:
        raise confirmation.error or _unknown()
    return confirmation.signature


def confirm_all(session: Session, ids: Sequence[UUID], *, now: datetime) -> list[Confirmation]:
    """Confirm and count signatures, each once, in a small, fixed number of statements.

    Returns one outcome per id, in order. Rows are locked in the order of their keys, so that two
    concurrent batches cannot deadlock.
    """
    distinct = sorted(set(ids))
    lock(session, distinct)
    changed = session.connection().execute(
        _CONFIRM, {"ids": distinct, "new_confirmed_at": now, "new_state": SignatureState.CONFIRMED}
    )
    new = set(changed.scalars())
    rows = session.exec(_BY_ID, params={"ids": distinct}, execution_options=_REFRESH)
    signatures = {signature.id: signature for signature in rows}
    counted = [signatures[signature_id] for signature_id in distinct if signature_id in new]
    if counted:
        counts.add_signatures(session, counted, now=now)
        _update_supporters(session, counted)
        events.signatures_confirmed(session, map(_signature_fact, counted), now=now)
    # An imported signature counts without confirmation, but answers given here with it need one.
    confirmed = [
        signature.id
        for signature in signatures.values()
        if signature.id in new or _is_imported(signature)
    ]
    if confirmed:
        supporters.confirm_signature_answers(session, confirmed, now=now)
    return [_outcome(signatures.get(signature_id)) for signature_id in ids]


def lock(session: Session, ids: Iterable[UUID]) -> None:
    """Lock signatures for update, in the order of their ids."""
    session.connection().execute(_LOCKED, {"ids": sorted(ids)})


def withdraw(session: Session, signature_id: UUID, *, now: datetime) -> SignatureState:
    """Withdraw a signature for its signer and return its state; a second call changes nothing."""
    return _end(session, signature_id, SignatureState.WITHDRAWN, now)


def disown(session: Session, signature_id: UUID, *, now: datetime) -> SignatureState:
    """Reject a signature because the owner of the email address did not sign.

    Returns its state. No more emails are sent about it.
    """
    return _end(session, signature_id, SignatureState.REJECTED, now)


def expire(session: Session, *, now: datetime) -> int:
    """Expire the signatures that were not confirmed in time; returns how many."""
    result = session.connection().execute(
        sa.update(_signature)
        .where(
            # Written exactly as in the partial index, so that it is used.
            _signature.c.state == sa.literal_column("'pending'"),
            _signature.c.ended_at.is_(None),
            _signature.c.signed_at < now - EXPIRES_AFTER,
        )
        .values(state=SignatureState.EXPIRED, ended_at=now)
    )
    return result.rowcount


def get(session: Session, signature_id: UUID, *, for_update: bool = False) -> Signature:
    """Returns a signature, read again and with `for_update` locked; raises NotFound."""
    with_lock = True if for_update else None
    signature = session.get(
        Signature, signature_id, populate_existing=True, with_for_update=with_lock
    )
    if signature is None:
        raise _unknown()
    return signature


def page(
    session: Session,
    petition_id: UUID,
    *,
    state: SignatureState | None,
    since: datetime | None,
    after: UUID | None,
    limit: int,
) -> list[tuple[Signature, Supporter]]:
    """Returns signatures with their supporters, ordered by id, starting after the id `after`.

    `since` limits them to those signed, confirmed or ended at that time or later.
    """
    statement = (
        select(Signature, Supporter)
        .join(Supporter, col(Supporter.id) == Signature.supporter_id)
        .where(Signature.petition_id == petition_id)
    )
    if state is not None:
        statement = statement.where(Signature.state == state)
    if since is not None:
        statement = statement.where(changed_since(since))
    if after is not None:
        statement = statement.where(Signature.id > after)
    return list(session.exec(statement.order_by(col(Signature.id)).limit(limit)))


def changed_since(since: datetime) -> sa.ColumnElement[bool]:
    """SQL condition on signatures: signed, confirmed or ended at that time or later."""
    times = (_signature.c.signed_at, _signature.c.confirmed_at, _signature.c.ended_at)
    return sa.or_(*(time >= since for time in times))


def _is_imported(signature: Signature) -> bool:
    return signature.provenance is not None and signature.state is SignatureState.CONFIRMED


def _outcome(signature: Signature | None) -> Confirmation:
    if signature is None:
        return Confirmation(error=_unknown())
    if signature.state is SignatureState.EXPIRED:
        message = "This was not confirmed in time. Please sign again."
        return Confirmation(error=Gone("signature_expired", message))
    if signature.state is not SignatureState.CONFIRMED:
        message = "This signature was taken back. You can sign again."
        return Confirmation(error=Conflict("signature_ended", message))
    return Confirmation(signature)


def _end(
    session: Session, signature_id: UUID, state: SignatureState, now: datetime
) -> SignatureState:
    was_counted = _change(session, signature_id, (SignatureState.CONFIRMED,), state, now)
    if not was_counted:
        _change(session, signature_id, UNCONFIRMED, state, now)
    signature = get(session, signature_id)
    if was_counted:
        code = signature.constituency_code
        counts.remove_signature(session, signature.petition_id, code, now=now)
        seat_watches.end(session, signature)
        is_disowned = state is SignatureState.REJECTED
        events.signature_withdrawn(
            session, _signature_fact(signature), is_disowned=is_disowned, now=now
        )
    return signature.state


def _change(
    session: Session,
    signature_id: UUID,
    from_states: tuple[SignatureState, ...],
    state: SignatureState,
    now: datetime,
) -> bool:
    """End a signature if it is in one of `from_states`; returns whether it was."""
    result = session.connection().execute(
        sa.update(_signature)
        .where(_signature.c.id == signature_id, _signature.c.state.in_(from_states))
        .values(state=state, ended_at=now)
    )
    return result.rowcount == 1


def _update_supporters(session: Session, signatures: Sequence[Signature]) -> None:
    """Copy the details of confirmed signatures to their supporters.

    Unconfirmed signatures must not do that. Of several by one supporter, the last in the list wins.
    """
    rows = {
        signature.supporter_id: {
            "row_id": signature.supporter_id,
            "new_name": Private(signature.name.organisation_id, signature.name.text),
            "new_postcode": Private(signature.name.organisation_id, signature.postcode.text),
            "new_code": signature.constituency_code,
            "new_locale": signature.locale,
        }
        for signature in signatures
    }
    session.connection().execute(_UPDATE_SUPPORTER, [rows[key] for key in sorted(rows)])


def _signature_fact(signature: Signature) -> SignatureFact:
    code, signed_at = signature.constituency_code, signature.signed_at
    return SignatureFact(signature.id, signature.petition_id, code, signed_at)


def _unknown() -> NotFound:
    return NotFound("signature_unknown", "There is no such signature any more.")
