"""Submissions as pending signatures, for the keys and organisers of their own organisation.

They are in lists once they are sorted. What does not open is left out and logged by its id.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlmodel import Session

from models import Keyring, Petition, Submission
from models.base import table_of
from services.submissions import payload
from services.submissions.payload import Unreadable

MOST_COUNTED = 10_000
_submission, _petition = table_of(Submission), table_of(Petition)
SEALED = sa.type_coerce(_submission.c.payload, sa.LargeBinary).label("sealed")
"""The payload as it is stored, so that one damaged row does not stop a page."""
IS_SORTED = _submission.c.state != sa.literal_column("'new'")
"""SQL condition on submissions. A literal: both databases compare it with that of the index."""
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class PendingSignature:
    """What somebody sent in order to sign. The id becomes that of the signature."""

    id: UUID
    name: str
    email: str
    postcode: str
    country: str
    comment: str | None
    constituency_code: str
    locale: str
    source: str | None
    signed_at: datetime
    provenance: str | None


class PendingRow(NamedTuple):
    """The id of a submission, and what it says; None if it does not open."""

    id: UUID
    signature: PendingSignature | None


def page(
    session: Session,
    petition_id: UUID,
    *,
    since: datetime | None,
    after: UUID | None,
    limit: int,
    keyring: Keyring,
) -> list[PendingRow]:
    """Returns submissions of a petition, ordered by id, starting after the id `after`.

    `since` limits them to those received at that time or later.
    """
    statement = (
        sa.select(
            _submission.c.id, _submission.c.constituency_code, _submission.c.received_at, SEALED
        )
        .where(*conditions(petition_id, since=since))
        .order_by(_submission.c.id)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(_submission.c.id > after)
    rows = session.connection().execute(statement)
    return [PendingRow(row.id, _opened(row, keyring)) for row in rows]


def conditions(petition_id: UUID, *, since: datetime | None) -> list[sa.ColumnElement[bool]]:
    """SQL conditions on submissions: sorted ones of a petition, received at `since` or later."""
    found = [_submission.c.petition_id == petition_id, IS_SORTED]
    return found if since is None else [*found, _submission.c.received_at >= since]


def _opened(row: Any, keyring: Keyring) -> PendingSignature | None:
    try:
        _, contents = payload.open_sealed(row.sealed, keyring)
    except Unreadable:
        log.error("submission_unreadable", submission=str(row.id))
        return None
    return PendingSignature(
        id=row.id,
        name=contents.name,
        email=contents.email,
        postcode=contents.postcode,
        country=contents.country,
        comment=contents.comment,
        constituency_code=row.constituency_code,
        locale=contents.locale,
        source=contents.source,
        signed_at=row.received_at,
        provenance=contents.provenance,
    )


_limited = (
    sa.select(_submission.c.id)
    .where(_submission.c.petition_id == _petition.c.id, IS_SORTED)
    .limit(sa.bindparam("most_unconfirmed", type_=sa.Integer))
    .correlate(_petition)
    .subquery()
)
COUNT = sa.select(sa.func.count()).select_from(_limited).scalar_subquery()
"""SQL for the number of sorted submissions of a petition, with the values of `count_values`."""


def count_values() -> dict[str, int]:
    """Returns the values of the parameters of `COUNT`.

    The count stops at `MOST_COUNTED` + 1, so that a page is fast however many there are.
    """
    return {"most_unconfirmed": MOST_COUNTED + 1}
