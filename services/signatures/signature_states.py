"""What becomes of a signature: confirmed, withdrawn, disowned, expired.

Every step is a conditional update on the state held before, so that of two at once one succeeds
and the tally changes once.
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
_signature = table_of(Signature)
_supporter = table_of(Supporter)
# Put together once: on the hot route that costs more than to send them.
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
    """What became of one confirmation; with an `error` nothing changed for it."""

    signature: Signature | None = None
    error: LobbyError | None = None


def confirm(session: Session, signature_id: UUID, *, now: datetime) -> Signature:
    """Count a signature, once. Confirmed already: the same again. Gone where it has expired."""
    (found,) = confirm_all(session, [signature_id], now=now)
    if found.signature is None:
        raise found.error or _unknown()
    return found.signature


def confirm_all(session: Session, ids: Sequence[UUID], *, now: datetime) -> list[Confirmation]:
    """Count signatures, each once however often it is named: in a fixed handful of statements.

    One outcome an id, in their order. Rows are touched in the order of their keys, so that two
    batches at once cannot wait for each other in a circle.
    """
    wanted = sorted(set(ids))
    lock(session, wanted)
    changed = session.connection().execute(
        _CONFIRM, {"ids": wanted, "new_confirmed_at": now, "new_state": SignatureState.CONFIRMED}
    )
    new = set(changed.scalars())
    rows = session.exec(_BY_ID, params={"ids": wanted}, execution_options=_REFRESH)
    found = {signature.id: signature for signature in rows}
    counted = [found[signature_id] for signature_id in wanted if signature_id in new]
    if counted:
        counts.add_signatures(session, counted, now=now)
        _update_supporters(session, counted)
        events.signatures_confirmed(session, map(_signature_fact, counted), now=now)
    # Of imports that counted already, what was said here with them waited for this.
    told = [each.id for each in found.values() if each.id in new or _is_imported(each)]
    if told:
        supporters.confirm_signature_answers(session, told, now=now)
    return [_outcome(found.get(signature_id)) for signature_id in ids]


def _is_imported(signature: Signature) -> bool:
    return signature.provenance is not None and signature.state is SignatureState.CONFIRMED


def lock(session: Session, ids: Iterable[UUID]) -> None:
    """Let nobody else change these meanwhile; in the order of their ids."""
    session.connection().execute(_LOCKED, {"ids": sorted(ids)})


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


def withdraw(session: Session, signature_id: UUID, *, now: datetime) -> SignatureState:
    """Take a signature back, at its signer's wish. Again: the same."""
    return _end(session, signature_id, SignatureState.WITHDRAWN, now)


def disown(session: Session, signature_id: UUID, *, now: datetime) -> SignatureState:
    """'That was not me': take a signature off, and never write about it again."""
    return _end(session, signature_id, SignatureState.REJECTED, now)


def expire(session: Session, *, now: datetime) -> int:
    """End what was never confirmed in time; how many."""
    result = session.connection().execute(
        sa.update(_signature)
        .where(
            # In the words of the index, which holds these alone.
            _signature.c.state == sa.literal_column("'pending'"),
            _signature.c.ended_at.is_(None),
            _signature.c.signed_at < now - EXPIRES_AFTER,
        )
        .values(state=SignatureState.EXPIRED, ended_at=now)
    )
    return result.rowcount


def get(session: Session, signature_id: UUID, *, for_update: bool = False) -> Signature:
    """One signature as it stands now, or NotFound. `for_update`: nobody changes it meanwhile."""
    lock = True if for_update else None
    found = session.get(Signature, signature_id, populate_existing=True, with_for_update=lock)
    if found is None:
        raise _unknown()
    return found


def page(
    session: Session,
    petition_id: UUID,
    *,
    state: SignatureState | None,
    since: datetime | None,
    after: UUID | None,
    limit: int,
) -> list[tuple[Signature, Supporter]]:
    """Signatures with their supporters, in the order of their ids, behind the id `after`.

    `since` keeps what was signed, confirmed or ended at that time or later.
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
    """What was signed, confirmed or ended at that time or later."""
    times = (_signature.c.signed_at, _signature.c.confirmed_at, _signature.c.ended_at)
    return sa.or_(*(time >= since for time in times))


def _end(
    session: Session, signature_id: UUID, state: SignatureState, now: datetime
) -> SignatureState:
    was_counted = _change(
        session, signature_id, (SignatureState.CONFIRMED,), state, "ended_at", now
    )
    if not was_counted:
        open_states = (SignatureState.PENDING, SignatureState.EXPIRED)
        _change(session, signature_id, open_states, state, "ended_at", now)
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
    held: tuple[SignatureState, ...],
    state: SignatureState,
    stamp: str,
    now: datetime,
) -> bool:
    """Move a signature on if it is in one of the `held` states: of two at once, one succeeds."""
    result = session.connection().execute(
        sa.update(_signature)
        .where(_signature.c.id == signature_id, _signature.c.state.in_(held))
        .values({"state": state, stamp: now})
    )
    return result.rowcount == 1


def _update_supporters(session: Session, signatures: Sequence[Signature]) -> None:
    """A confirmation is what lets a signature change what we know of its supporter. Of several by
    one supporter the last confirmed stays, and they come in the order of their making."""
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
