"""Submissions as pending signatures, for the keys and organisers of their own organisation.

They are in lists once they are sorted. What does not open is left out and logged by its id. Nothing
in them is an answer that took effect: `updates` is the last confirmed answer of the address's
owner, if there is any, and no partner may contact them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlmodel import Session

from models import Keyring, Partner, Petition, Submission, Supporter
from models.base import table_of
from services.common.ids import first_id_at
from services.database.time_windows import ChangePosition
from services.submissions import payload
from services.submissions.payload import SignaturePayload, Unreadable
from services.supporters import shown_consents, supporters
from services.supporters.shown_consents import ShownConsents

MOST_COUNTED = 10_000
_EPOCH, _MILLISECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)
_submission, _petition = table_of(Submission), table_of(Petition)
_supporter, _partner = table_of(Supporter), table_of(Partner)
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
    partner: str | None
    consents: ShownConsents


class PendingRow(NamedTuple):
    """The id of a submission, and what it says; None if it does not open."""

    id: UUID
    signature: PendingSignature | None


def page(
    session: Session,
    petition_id: UUID,
    *,
    since: datetime | None = None,
    after: UUID | None,
    limit: int,
    keyring: Keyring,
) -> list[PendingRow]:
    """Returns submissions of a petition, ordered by id, starting after the id `after`.

    `since` limits them to those received at that time or later.
    """
    statement = (
        sa.select(
            _submission.c.id,
            _submission.c.constituency_code,
            _submission.c.received_at,
            supporters.may_be_sent_updates().label("updates"),
            SEALED,
        )
        .select_from(_submission.outerjoin(_supporter, _is_owner(petition_id)))
        .where(*conditions(petition_id, since=since))
        .order_by(_submission.c.id)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(_submission.c.id > after)
    rows = session.connection().execute(statement).all()
    contents = [_contents(row, keyring) for row in rows]
    slugs = partner_slugs(session, [each for each in contents if each])
    return [
        PendingRow(row.id, _pending(row, each, slugs) if each else None)
        for row, each in zip(rows, contents, strict=True)
    ]


def _is_owner(petition_id: UUID) -> sa.ColumnElement[bool]:
    """SQL condition: the supporter has the address of a submission of this petition."""
    organisation = sa.select(_petition.c.organisation_id).where(_petition.c.id == petition_id)
    return sa.and_(
        _supporter.c.organisation_id == organisation.scalar_subquery(),
        _supporter.c.email_index == _submission.c.address_index,
    )


def last_before(position: ChangePosition) -> UUID:
    """Returns the id behind which submissions stand behind a place in the order of changes.

    The time in an id is that of the receipt, to the millisecond.
    """
    # In whole numbers: a float could be of the millisecond before.
    milliseconds, rest = divmod(position.changed_at - _EPOCH, _MILLISECOND)
    if milliseconds <= 0:
        return UUID(int=0)
    first, last = milliseconds << 80, ((milliseconds + 1) << 80) - 1
    return UUID(int=last if rest else min(max(position.id.int, first - 1), last))


def partner_slugs(session: Session, contents: Iterable[SignaturePayload]) -> dict[UUID | None, str]:
    """Returns the slugs of partners that are known by the key of the sender alone."""
    ids = {each.partner_id for each in contents if each.partner_id and not each.partner}
    if not ids:
        return {}
    statement = sa.select(_partner.c.id, _partner.c.slug).where(_partner.c.id.in_(ids))
    return {row[0]: row[1] for row in session.connection().execute(statement)}


def partner_of(contents: SignaturePayload, slugs: Mapping[UUID | None, str]) -> str | None:
    """Returns the slug of the partner whose site a submission came through."""
    return contents.partner.slug if contents.partner else slugs.get(contents.partner_id)


def conditions(petition_id: UUID, *, since: datetime | None) -> list[sa.ColumnElement[bool]]:
    """SQL conditions on submissions: sorted ones of a petition, received at `since` or later."""
    found = [_submission.c.petition_id == petition_id, IS_SORTED]
    if since is None:
        return found
    # The condition on the id is for the index. Ids are as old as what they are of.
    return [
        *found,
        _submission.c.id >= first_id_at(since),
        _submission.c.received_at >= since,
    ]


def _contents(row: Any, keyring: Keyring) -> SignaturePayload | None:
    try:
        return payload.open_sealed(row.sealed, keyring)[1]
    except Unreadable:
        log.error("submission_unreadable", submission=str(row.id))
        return None


def _pending(
    row: Any, contents: SignaturePayload, slugs: Mapping[UUID | None, str]
) -> PendingSignature:
    partner = partner_of(contents, slugs)
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
        partner=partner,
        consents=shown_consents.shown(row.updates, False if partner else None),
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
