"""What a signature shows of its signer's answers to the questions about news and the partner."""

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import Partner, Signature, SignatureState, Supporter
from models.base import table_of
from services.database.bulk import BulkLookup, IsAnyOf
from services.supporters import partner_consents, supporters

_signature, _supporter, _partner = table_of(Signature), table_of(Supporter), table_of(Partner)
_COUNTED = (SignatureState.CONFIRMED, SignatureState.WITHDRAWN, SignatureState.REJECTED)
"""The states of signatures that were confirmed once."""


class ShownConsents(NamedTuple):
    """Whether the organisation may send news, and whether the signature's partner may contact them.

    None: the question was not asked, or there is no partner.
    """

    updates: bool | None
    partner: bool | None


NOTHING = ShownConsents(None, None)
COLUMNS = (
    supporters.may_be_sent_updates().label("updates"),
    partner_consents.may_contact().label("contact"),
)
"""SQL for signatures joined with supporters, and outer joined with partners."""


class ShownSignature(NamedTuple):
    """A signature that was confirmed once, and what it shows now."""

    id: UUID
    petition_id: UUID
    constituency_code: str
    signed_at: Any
    consents: ShownConsents


def shown(updates: object, partner: object) -> ShownConsents:
    """Returns the values of `COLUMNS`. SQLite returns numbers."""
    first, second = (None if value is None else bool(value) for value in (updates, partner))
    return ShownConsents(first, second)


def of_signatures(session: Session, ids: Collection[UUID]) -> dict[UUID, ShownConsents]:
    """Returns what signatures show, by their ids, in one statement."""
    rows = _OF_SIGNATURES.rows(session, ids=list(ids))
    return {row.id: shown(row.updates, row.contact) for row in rows}


def of_supporters(session: Session, ids: Collection[UUID]) -> dict[UUID, ShownSignature]:
    """Returns the signatures of supporters by their ids, locked in this order, in one statement.

    The caller holds the locks of the supporters, so that nobody else changes their answers.
    """
    return _by_id(_OF_SUPPORTERS.rows(session, supporters=list(ids)))


def _by_id(rows: Iterable[Any]) -> dict[UUID, ShownSignature]:
    return {
        row.id: ShownSignature(
            row.id,
            row.petition_id,
            row.constituency_code,
            row.signed_at,
            shown(row.updates, row.contact),
        )
        for row in rows
    }


def _read(condition: sa.ColumnElement[bool]) -> sa.Select[*tuple[Any, ...]]:
    signature = _signature.c
    tables = _signature.join(_supporter, _supporter.c.id == signature.supporter_id)
    tables = tables.outerjoin(_partner, _partner.c.id == signature.partner_id)
    return (
        sa.select(
            signature.id,
            signature.petition_id,
            signature.constituency_code,
            signature.signed_at,
            *COLUMNS,
        )
        .select_from(tables)
        .where(condition)
    )


def _by_signatures(among: IsAnyOf) -> sa.Select[*tuple[Any, ...]]:
    return _read(among(_signature.c.id, "ids"))


def _by_supporters(among: IsAnyOf) -> sa.Select[*tuple[Any, ...]]:
    was_confirmed = _signature.c.state.in_(_COUNTED)
    return (
        _read(sa.and_(among(_signature.c.supporter_id, "supporters"), was_confirmed))
        .order_by(_signature.c.id)
        .with_for_update(of=_signature, key_share=True)
    )


_OF_SIGNATURES = BulkLookup(_by_signatures, is_long=True)
_OF_SUPPORTERS = BulkLookup(_by_supporters, is_long=True)
