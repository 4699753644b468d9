"""What a partner sees of the signatures that came through it.

A partner could send us any address as if its owner had signed on its site. If it then saw the
signature at once, it would find out who is here already: theirs would not appear. So it sees those
that were confirmed since they came through it, and nobody's before: what was not answered stays
between us and the owner of the address.
"""

from datetime import datetime
from typing import cast
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from lobby.models import Partner, Signature, SignatureState, Supporter
from lobby.models.base import table_of
from lobby.services import partner_consents, signature_states

_signature = table_of(Signature)
_UNANSWERED = (SignatureState.PENDING, SignatureState.EXPIRED)
Seen = tuple[Signature, Supporter, bool | None]


def seen_by(partner_id: UUID) -> list[sa.ColumnElement[bool]]:
    """For statements that have signatures: those that a partner sees.

    Who withdrew keeps the time of their confirmation when they sign again, so that it must be
    later than the signature.
    """
    return [
        _signature.c.partner_id == partner_id,
        _signature.c.confirmed_at >= _signature.c.signed_at,
        _signature.c.state.not_in(_UNANSWERED),
    ]


def page(
    session: Session,
    petition_id: UUID,
    *,
    partner_id: UUID,
    state: SignatureState | None,
    since: datetime | None,
    after: UUID | None,
    limit: int,
) -> list[Seen]:
    """As `signature_states.page`, of what a partner sees, and whether it may contact the signer:
    None where they were not asked."""
    contact = partner_consents.may_contact().label("contact")
    statement = (
        select(Signature, Supporter, contact)
        .join(Supporter, col(Supporter.id) == Signature.supporter_id)
        .join(Partner, col(Partner.id) == Signature.partner_id)
        .where(Signature.petition_id == petition_id, *seen_by(partner_id))
    )
    if state is not None:
        statement = statement.where(Signature.state == state)
    if since is not None:
        statement = statement.where(signature_states.changed_since(since))
    if after is not None:
        statement = statement.where(Signature.id > after)
    rows = session.exec(statement.order_by(col(Signature.id)).limit(limit))
    return cast(list[Seen], [tuple(row) for row in rows])
