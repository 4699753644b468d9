"""Live signatures by pages, as programs read them that keep a copy."""

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
    """Of a petition, a supporter, or both, which are the reader's own: the caller has made sure."""

    petition_id: UUID | None = None
    supporter_id: UUID | None = None

    def has(self, signature: Signature) -> bool:
        """Whether a signature is one of these."""
        return self.petition_id in (None, signature.petition_id) and self.supporter_id in (
            None,
            signature.supporter_id,
        )


def page(
    session: Session, whose: SignatureFilter, where: PageRange, *, bounds: Sequence[TimeBound] = ()
) -> list[Signature]:
    """Those that are pending or confirmed, oldest first."""
    statement = select(Signature).where(
        col(Signature.state).in_(LIVE),
        *conditions(bounds, created=_signature.c.signed_at, modified=_TIMES),
    )
    if whose.petition_id is not None:
        statement = statement.where(Signature.petition_id == whose.petition_id)
    if whose.supporter_id is not None:
        statement = statement.where(Signature.supporter_id == whose.supporter_id)
    statement = statement.order_by(col(Signature.id))
    return list(session.exec(statement.offset(where.offset).limit(where.limit)))


def get(
    session: Session, signature_id: UUID, whose: SignatureFilter, *, for_update: bool = False
) -> Signature:
    """One of these, or NotFound. `for_update`: nobody changes it meanwhile."""
    lock = True if for_update else None
    found = session.get(Signature, signature_id, populate_existing=True, with_for_update=lock)
    if found is None or not whose.has(found):
        raise NotFound("signature_unknown", "There is no such signature.")
    return found


def set_comment(session: Session, signature: Signature, comment: str) -> None:
    """Put another comment, already checked for form, in place of a signature's; empty for none."""
    signature.comment = Private(signature.name.organisation_id, comment) if comment else None
    session.flush()
