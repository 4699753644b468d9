"""Deletes supporters of whom nothing is known but their address.

Earlier versions added a supporter for every post. Today nobody becomes one who has confirmed
nothing, unless the organisation itself adds them.
"""

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import Consent, Letter, SeatWatch, Signature, Submission, Supporter, Tagging
from models.base import table_of
from services.database.bulk import BulkLookup

_supporter, _submission = table_of(Supporter), table_of(Submission)
_consent = table_of(Consent)
_REFERRING = tuple(table_of(model) for model in (Signature, Letter, Consent, Tagging, SeatWatch))
# Somebody who wants no mail, or whom the organisation has changed, is known.
_IS_UNKNOWN = sa.and_(
    *(
        _supporter.c[name].is_(None)
        for name in ("name", "questions_off_at", "mail_off_at", "changed_at")
    ),
    *(
        ~sa.exists().where(table.c.supporter_id == _supporter.c.id).correlate(_supporter)
        for table in _REFERRING
    ),
    ~sa.exists().where(_submission.c.address_index == _supporter.c.email_index),
)
_IS_IDLE = sa.and_(
    *(_consent.c[name].is_(None) for name in ("letter_id", "signature_id", "effective_at"))
)
_LOCKED = BulkLookup(
    lambda among: (
        sa.select(_supporter.c.id)
        .where(among(_supporter.c.id, "ids"), _supporter.c.name.is_(None))
        .order_by(_supporter.c.id)
        .with_for_update(skip_locked=True)
    )
)


def delete(session: Session, supporter_ids: Sequence[UUID]) -> None:
    """Deletes those of the supporters of whom nothing is known and who have no submission.

    Supporters whom another transaction has locked stay. An answer that never takes effect, since
    its letter was replaced before it was confirmed, is nothing that is known.
    """
    # Locked first: a transaction that adds a signature holds a lock on its supporter.
    locked = [row[0] for row in _LOCKED.rows(session, ids=sorted(set(supporter_ids)))]
    if locked:
        session.connection().execute(
            sa.delete(_consent).where(_consent.c.supporter_id.in_(locked), _IS_IDLE)
        )
        session.connection().execute(
            sa.delete(_supporter).where(_supporter.c.id.in_(locked), _IS_UNKNOWN)
        )
