"""The rows of an export of pending signatures: submissions, which are decrypted as a whole.

Their values are those that an export of signatures shows of a pending one. Nothing in them is an
answer that took effect: `updates` is the last confirmed answer of the address's owner, if there is
any, and no partner may contact them.
"""

from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import Constituency, Keyring, Petition, SignatureState, Submission, Supporter
from models.base import table_of
from services.files import export_lines
from services.files.exports import OpenedRows
from services.signatures import pending_views
from services.submissions import payload
from services.submissions.payload import SignaturePayload, Unreadable
from services.supporters import supporters

_submission, _supporter = table_of(Submission), table_of(Supporter)
_constituency = table_of(Constituency)


def of_petition(petition: Petition, *, since: datetime | None) -> OpenedRows:
    """Returns the sorted submissions of a petition, or those received at `since` or later."""
    conditions = pending_views.conditions(petition.id, since=since)
    owner = _supporter.c.organisation_id == petition.organisation_id
    tables = _submission.outerjoin(
        _constituency, _constituency.c.code == _submission.c.constituency_code
    ).outerjoin(_supporter, sa.and_(owner, _supporter.c.email_index == _submission.c.address_index))
    rows = (
        sa.select(
            _submission.c.id,
            _submission.c.constituency_code,
            _constituency.c.name,
            _submission.c.received_at,
            supporters.may_be_sent_updates().label("updates"),
            pending_views.SEALED,
        )
        .select_from(tables)
        .where(*conditions)
        .order_by(_submission.c.id)
    )
    total = sa.select(sa.func.count()).select_from(_submission).where(*conditions)
    return OpenedRows(
        count=lambda session: int(session.connection().execute(total).scalar_one()),
        read=partial(_read, rows),
    )


def _read(
    statement: sa.Select[Any], session: Session, after: UUID, size: int, keyring: Keyring
) -> list[tuple[UUID, dict[str, Any]]]:
    where = statement.where(_submission.c.id > after).limit(size)
    rows = session.connection().execute(where).all()
    contents = [_opened(row, keyring) for row in rows]
    slugs = pending_views.partner_slugs(session, contents)
    return [
        (row.id, _values(row, opened, slugs)) for row, opened in zip(rows, contents, strict=True)
    ]


def _opened(row: Any, keyring: Keyring) -> SignaturePayload:
    try:
        return payload.open_sealed(row.sealed, keyring)[1]
    except Unreadable as error:
        raise export_lines.sealed_data() from error


def _values(row: Any, contents: SignaturePayload, slugs: dict[UUID | None, str]) -> dict[str, Any]:
    partner = pending_views.partner_of(contents, slugs)
    return {
        "id": row.id,
        "state": SignatureState.PENDING,
        "name": contents.name,
        "email": contents.email,
        "postcode": contents.postcode,
        "comment": contents.comment,
        "updates": row.updates,
        "partner_contact": False if partner else None,
        "country": contents.country,
        "constituency_code": row.constituency_code,
        "constituency_name": row.name,
        "locale": contents.locale,
        "source": contents.source,
        "partner": partner,
        "provenance": contents.provenance,
        "signed_at": row.received_at,
        "confirmed_at": None,
        "ended_at": None,
    }
