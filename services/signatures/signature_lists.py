"""Lists of a petition's signatures and submissions, merged by id."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import Keyring, Signature, SignatureState, Supporter
from models.base import table_of
from services.signatures import pending_views, signature_states
from services.signatures.pending_views import PendingSignature

_signature = table_of(Signature)
# The condition of the index `ix_signature_pending`, in literals.
_OF_BEFORE = (
    sa.select(_signature.c.id)
    .where(
        _signature.c.state == sa.literal_column("'pending'"),
        _signature.c.ended_at.is_(None),
    )
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class ListedSignature:
    """A signature with its supporter, or a submission; neither if a submission does not open."""

    id: UUID
    signature: tuple[Signature, Supporter] | None = None
    pending: PendingSignature | None = None


def page(
    session: Session,
    petition_id: UUID,
    *,
    state: SignatureState | None,
    since: datetime | None,
    after: UUID | None,
    limit: int,
    keyring: Keyring,
) -> list[ListedSignature]:
    """Returns signatures and submissions, ordered by id, starting after the id `after`.

    Submissions are in it without a `state`, and with `pending`. `since` limits the page to what was
    signed, confirmed or ended at that time or later.
    """
    is_pending = state is SignatureState.PENDING
    listed: dict[UUID, ListedSignature] = {}
    # First: a submission that is confirmed meanwhile is found again as its signature, which has its
    # id. The other way round it would be in neither list.
    if is_pending or state is None:
        rows = pending_views.page(
            session, petition_id, since=since, after=after, limit=limit, keyring=keyring
        )
        listed |= {row.id: ListedSignature(row.id, pending=row.signature) for row in rows}
    if not is_pending or _has_rows_of_before(session):
        pairs = signature_states.page(
            session, petition_id, state=state, since=since, after=after, limit=limit
        )
        listed |= {pair[0].id: ListedSignature(pair[0].id, signature=pair) for pair in pairs}
    return [listed[row_id] for row_id in sorted(listed)[:limit]]


def _has_rows_of_before(session: Session) -> bool:
    """Returns whether any signature is still pending: a job turns them into submissions."""
    return session.connection().execute(_OF_BEFORE).first() is not None
