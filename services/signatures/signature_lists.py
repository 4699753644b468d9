"""Lists of a petition's signatures and submissions, merged by id or by when they last changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import Keyring, Signature, SignatureState
from models.base import table_of
from services.common.ids import moment_of
from services.database.time_windows import ChangePosition, ChangeWindow
from services.signatures import pending_views, signature_states
from services.signatures.pending_views import PendingRow, PendingSignature
from services.signatures.signature_states import SignatureRow

_signature = table_of(Signature)
_WITH_SUBMISSIONS = (None, SignatureState.PENDING)
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
    """A signature or a submission; neither if a submission does not open."""

    id: UUID
    signature: SignatureRow | None = None
    pending: PendingSignature | None = None

    @property
    def position(self) -> ChangePosition:
        """The place in a list by when rows last changed. A submission never changes."""
        changed_at = self.signature.signature.changed_at if self.signature else moment_of(self.id)
        return ChangePosition(changed_at, self.id)


def page(
    session: Session,
    petition_id: UUID,
    *,
    state: SignatureState | None,
    after: UUID | None,
    limit: int,
    keyring: Keyring,
) -> list[ListedSignature]:
    """Returns signatures and submissions, ordered by id, starting after the id `after`.

    Submissions are in it without a `state`, and with `pending`.
    """
    listed: dict[UUID, ListedSignature] = {}
    # First: a submission that is confirmed meanwhile is found again as its signature, which has its
    # id. The other way round it would be in neither list.
    if state in _WITH_SUBMISSIONS:
        pending = pending_views.page(
            session, petition_id, after=after, limit=limit, keyring=keyring
        )
        listed |= _of_submissions(pending)
    if _has_signatures(session, state):
        rows = signature_states.page(session, petition_id, state=state, after=after, limit=limit)
        listed |= _of_signatures(rows)
    return [listed[row_id] for row_id in sorted(listed)[:limit]]


def changes(
    session: Session,
    petition_id: UUID,
    *,
    state: SignatureState | None,
    window: ChangeWindow,
    limit: int,
    keyring: Keyring,
) -> list[ListedSignature]:
    """Works like `page`, for what changed in a window, in the order of the changes.

    A submission stands at the time of its receipt, and moves when it becomes a signature.
    """
    listed: dict[UUID, ListedSignature] = {}
    if state in _WITH_SUBMISSIONS:
        after = pending_views.last_before(window.after) if window.after else None
        pending = pending_views.page(
            session, petition_id, since=window.since, after=after, limit=limit, keyring=keyring
        )
        listed |= _of_submissions(pending)
    if _has_signatures(session, state):
        rows = signature_states.changes(
            session, petition_id, state=state, window=window, limit=limit
        )
        listed |= _of_signatures(rows)
    return sorted(listed.values(), key=lambda row: row.position)[:limit]


def _of_submissions(rows: Sequence[PendingRow]) -> dict[UUID, ListedSignature]:
    return {row.id: ListedSignature(row.id, pending=row.signature) for row in rows}


def _of_signatures(rows: Sequence[SignatureRow]) -> dict[UUID, ListedSignature]:
    return {row.signature.id: ListedSignature(row.signature.id, signature=row) for row in rows}


def _has_signatures(session: Session, state: SignatureState | None) -> bool:
    return state is not SignatureState.PENDING or _has_rows_of_before(session)


def _has_rows_of_before(session: Session) -> bool:
    """Returns whether any signature is still pending: a job turns them into submissions."""
    return session.connection().execute(_OF_BEFORE).first() is not None
