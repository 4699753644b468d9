"""Paged lists of live signatures, for clients that keep a copy of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlmodel import Session, col, select

from models import Private, Signature, SignatureState
from models.base import table_of
from services.database.time_windows import PageRange, TimeBound, any_after, conditions
from services.errors import NotFound

_signature = table_of(Signature)
LIVE = (SignatureState.PENDING, SignatureState.CONFIRMED)
_TIMES = any_after(_signature.c.signed_at, _signature.c.confirmed_at, _signature.c.ended_at)


@dataclass(frozen=True, slots=True)
class SignatureFilter:
    """Filters by a petition, a supporter, or both; the caller has checked access to them."""

    petition_id: UUID | None = None
    supporter_id: UUID | None = None

    def has(self, signature: Signature) -> bool:
        """Returns whether a signature matches."""
        return self.petition_id in (None, signature.petition_id) and self.supporter_id in (
            None,
            signature.supporter_id,
        )


def page(
    session: Session,
    filters: SignatureFilter,
    where: PageRange,
    *,
    bounds: Sequence[TimeBound] = (),
) -> list[Signature]:
    """Returns pending and confirmed signatures, the oldest first."""
    statement = select(Signature).where(
        col(Signature.state).in_(LIVE),
        *conditions(bounds, created=_signature.c.signed_at, modified=_TIMES),
    )
    if filters.petition_id is not None:
        statement = statement.where(Signature.petition_id == filters.petition_id)
    if filters.supporter_id is not None:
        statement = statement.where(Signature.supporter_id == filters.supporter_id)
    statement = statement.order_by(col(Signature.id))
    return list(session.exec(statement.offset(where.offset).limit(where.limit)))


def get(
    session: Session, signature_id: UUID, filters: SignatureFilter, *, for_update: bool = False
) -> Signature:
    """Returns a matching signature, locked with `for_update`; raises NotFound."""
    lock = True if for_update else None
    signature = session.get(Signature, signature_id, populate_existing=True, with_for_update=lock)
    if signature is None or not filters.has(signature):
        raise NotFound("signature_unknown", "There is no such signature.")
    return signature


def set_comment(session: Session, signature: Signature, comment: str) -> None:
    """Replace the comment of a signature; the text is checked already, and empty removes it."""
    signature.comment = Private(signature.name.organisation_id, comment) if comment else None
    session.flush()
