"""How a signature ends: withdrawn by its signer, or disowned by the owner of the address.

`services.signatures.confirming` makes signatures. Both changes here are conditional updates on the
state, so that of two concurrent changes one succeeds and the tally changes once.
"""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import LetterDraft, Partner, Petition, Signature, SignatureState, Supporter
from models.base import table_of
from services.database.time_windows import ChangeWindow
from services.errors import Conflict, NotFound
from services.signatures import adoption
from services.submissions import ending
from services.supporters import seat_watches, shown_consents
from services.supporters.shown_consents import ShownConsents
from services.tallies import counts
from services.webhooks import events
from services.webhooks.events import SignatureFact

_signature, _supporter = table_of(Signature), table_of(Supporter)
_partner, _draft = table_of(Partner), table_of(LetterDraft)
# What the signer wrote to their MP and has not sent (`services.letters.letter_drafts`).
_DRAFT_DELETED = sa.delete(_draft).where(_draft.c.signature_id == sa.bindparam("signature"))


class SignatureRow(NamedTuple):
    """A signature with its supporter, the slug of its partner, and the answers that it shows."""

    signature: Signature
    supporter: Supporter
    partner: str | None
    consents: ShownConsents


class Disowned(NamedTuple):
    """What 'not me' led to: the state of what is left, and what no more mails are sent about."""

    state: SignatureState
    refused: ending.Subject | None


def withdraw(session: Session, row_id: UUID, *, now: datetime) -> SignatureState:
    """Withdraws a signature for its signer, by its id or that of its submission.

    Everything that waits from the same address about the same petition goes too. If another
    submission of the signer was confirmed, its signature is withdrawn: the link reached the owner
    of the address. Returns the state of what is left, `withdrawn` also if there is nothing.
    """
    submitted = _delete_waiting(session, row_id)
    signature = session.get(Signature, row_id, populate_existing=True)
    if signature is None and submitted is not None:
        signature = _standing(session, submitted)
    return _end(session, signature, SignatureState.WITHDRAWN, now)


def disown(session: Session, row_id: UUID, *, now: datetime) -> Disowned:
    """Ends a signature or a submission because the owner of the address did not send it.

    Everything that waits from the same address about the same petition goes too, and no more mails
    are sent to it about this petition for 90 days. Another signature of the owner's stays.
    """
    submitted = _delete_waiting(session, row_id)
    signature = session.get(Signature, row_id, populate_existing=True)
    subject = submitted or (_subject(session, signature) if signature else None)
    if subject is not None:
        ending.refuse(session, subject, now=now)
    return Disowned(_end(session, signature, SignatureState.REJECTED, now), subject)


def get(session: Session, signature_id: UUID, *, for_update: bool = False) -> Signature:
    """Returns a signature, read again and with `for_update` locked; raises NotFound."""
    with_lock = True if for_update else None
    signature = session.get(
        Signature, signature_id, populate_existing=True, with_for_update=with_lock
    )
    if signature is None:
        raise NotFound("signature_unknown", "There is no such signature any more.")
    return signature


def find(session: Session, signature_id: UUID) -> Signature | None:
    """Returns a signature in any state; None if it was erased."""
    return session.get(Signature, signature_id)


def of_link(session: Session, row_id: UUID) -> Signature:
    """Returns the signature that a mail's link leads to, locked.

    It has the link's id, or is the one that stands of the same signer: of two submissions only one
    becomes a signature. Raises Conflict if the signer has confirmed nothing yet, or else NotFound.
    """
    subject = ending.subject_of(session, row_id)
    standing = _standing(session, subject) if subject is not None else None
    if subject is not None and standing is None:
        raise Conflict("signature_not_confirmed", "Please confirm your signature first.")
    return get(session, standing.id if standing else row_id, for_update=True)


def page(
    session: Session,
    petition_id: UUID,
    *,
    state: SignatureState | None,
    after: UUID | None,
    limit: int,
) -> list[SignatureRow]:
    """Returns signatures, ordered by id, starting after the id `after`."""
    statement = _rows_of(petition_id, state)
    if after is not None:
        statement = statement.where(_signature.c.id > after)
    return _read(session, statement.order_by(_signature.c.id).limit(limit))


def changes(
    session: Session,
    petition_id: UUID,
    *,
    state: SignatureState | None,
    window: ChangeWindow,
    limit: int,
) -> list[SignatureRow]:
    """Returns the signatures of a window, in the order in which they last changed."""
    time, row_id = _signature.c.changed_at, _signature.c.id
    statement = _rows_of(petition_id, state).where(*window.conditions(time, row_id))
    return _read(session, statement.order_by(time, row_id).limit(limit))


def changed(now: datetime) -> dict[str, Any]:
    """Returns the columns of a signature of which everybody who reads it sees a change."""
    is_of_partner, moment = _signature.c.partner_id.is_not(None), _signature.c.changed_at.type
    return {
        "changed_at": now,
        "partner_changed_at": sa.case((is_of_partner, sa.literal(now, moment))),
    }


def _rows_of(petition_id: UUID, state: SignatureState | None) -> sa.Select[*tuple[Any, ...]]:
    statement: sa.Select[*tuple[Any, ...]] = (
        sa.select(Signature, Supporter, _partner.c.slug, *shown_consents.COLUMNS)
        .join(Supporter, _supporter.c.id == _signature.c.supporter_id)
        .outerjoin(_partner, _partner.c.id == _signature.c.partner_id)
        .where(_signature.c.petition_id == petition_id)
    )
    return statement if state is None else statement.where(_signature.c.state == state)


def _read(session: Session, statement: sa.Select[*tuple[Any, ...]]) -> list[SignatureRow]:
    return [
        SignatureRow(signature, supporter, partner, shown_consents.shown(*answers))
        for signature, supporter, partner, *answers in session.execute(statement)
    ]


def _delete_waiting(session: Session, row_id: UUID) -> ending.Subject | None:
    """Deletes a submission, or a pending signature from before submissions.

    All others of its address and petition go too. Returns what they were about.
    """
    pending = adoption.subject_of(session, row_id)
    subject = ending.delete_of_same_address(session, row_id) or pending
    if subject is None:
        return None
    # In the order in which confirmations lock: submissions first.
    if pending is not None:
        ending.delete(session, subject)
    deleted = adoption.delete(session, subject)
    if pending is not None and row_id not in deleted:  # the job has adopted it meanwhile
        ending.delete(session, subject)
    return subject


def _subject(session: Session, signature: Signature) -> ending.Subject:
    index = session.get_one(Supporter, signature.supporter_id).email_index
    return ending.Subject(signature.petition_id, bytes(index))


def _standing(session: Session, subject: ending.Subject) -> Signature | None:
    statement = (
        select(Signature)
        .join(Supporter, col(Supporter.id) == Signature.supporter_id)
        # The index of addresses begins with the organisation.
        .join(Petition, col(Petition.organisation_id) == Supporter.organisation_id)
        .where(
            Petition.id == subject.subject_id,
            Signature.petition_id == subject.subject_id,
            Supporter.email_index == subject.address_index,
            Signature.state == SignatureState.CONFIRMED,
        )
    )
    return session.exec(statement).first()


def _end(
    session: Session, signature: Signature | None, state: SignatureState, now: datetime
) -> SignatureState:
    if signature is None:
        return state
    ending.delete(session, _subject(session, signature))
    if _change(session, signature.id, state, now):
        session.refresh(signature)
        code = signature.constituency_code
        counts.remove_signature(session, signature.petition_id, code, now=now)
        seat_watches.end(session, signature)
        session.connection().execute(_DRAFT_DELETED, {"signature": signature.id})
        events.signature_withdrawn(
            session,
            SignatureFact(signature.id, signature.petition_id, code, signature.signed_at),
            is_disowned=state is SignatureState.REJECTED,
            now=now,
        )
    else:
        session.refresh(signature)
    return signature.state


def _change(session: Session, signature_id: UUID, state: SignatureState, now: datetime) -> bool:
    """Ends a signature if it stands; returns whether it did."""
    result = session.connection().execute(
        sa.update(_signature)
        .where(_signature.c.id == signature_id, _signature.c.state == SignatureState.CONFIRMED)
        .values(state=state, ended_at=now, **changed(now))
    )
    return result.rowcount == 1
