"""What becomes of a signature: confirmed, withdrawn, disowned, expired.

Every step is a conditional update on the state held before, so that of two at once one succeeds
and the tally changes once.
"""

from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from lobby.models import Signature, SignatureState, Supporter
from lobby.models.base import table_of
from lobby.services import seat_watches, supporters, tallies
from lobby.services.errors import Conflict, Gone, NotFound

EXPIRES_AFTER = timedelta(days=30)
_signature = table_of(Signature)


def confirm(session: Session, signature_id: UUID, *, now: datetime) -> Signature:
    """Count a signature, once. Confirmed already: the same again. Gone where it has expired."""
    pending, confirmed = (SignatureState.PENDING,), SignatureState.CONFIRMED
    changed = _change(session, signature_id, pending, confirmed, "confirmed_at", now)
    signature = get(session, signature_id)
    if changed:
        code = signature.constituency_code
        tallies.add_signature(session, signature.petition_id, code, now=now)
        _remember(session, signature, now)
    if signature.state is SignatureState.EXPIRED:
        raise Gone("signature_expired", "This was not confirmed in time. Please sign again.")
    if signature.state is not SignatureState.CONFIRMED:
        raise Conflict("signature_ended", "This signature was taken back. You can sign again.")
    return signature


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
            _signature.c.state == SignatureState.PENDING,
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
        raise NotFound("signature_unknown", "There is no such signature any more.")
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
        times = (Signature.signed_at, Signature.confirmed_at, Signature.ended_at)
        statement = statement.where(sa.or_(*(col(time) >= since for time in times)))
    if after is not None:
        statement = statement.where(Signature.id > after)
    return list(session.exec(statement.order_by(col(Signature.id)).limit(limit)))


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
        tallies.remove_signature(session, signature.petition_id, code, now=now)
        seat_watches.end(session, signature)
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


def _remember(session: Session, signature: Signature, now: datetime) -> None:
    """A confirmation is what lets a signature change what we know of its supporter."""
    supporter = session.get(Supporter, signature.supporter_id, populate_existing=True)
    if supporter is None:
        raise NotFound("supporter_unknown", "There is no such supporter any more.")
    supporter.name = signature.name
    supporter.postcode = signature.postcode
    supporter.constituency_code = signature.constituency_code
    supporter.locale = signature.locale
    supporters.answers_take_effect(session, signature_id=signature.id, now=now)
    session.flush()
