"""Paged lists of live signatures, for clients that keep a copy of them.

A pending signature is a submission. It is listed once it is sorted, and it keeps its id, and so its
place in the list, when its signer confirms it. All is read in one statement, so that a confirmation
in between can neither hide a signature nor show it twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import Keyring, PetitionTally, Private, Signature, SignatureState, Submission, Supporter
from models.base import table_of
from services.database.time_windows import PageRange, TimeBound, any_after, conditions
from services.database.totals import counted
from services.errors import Conflict, NotFound
from services.submissions import payload
from services.submissions.payload import SignaturePayload, Unreadable
from services.supporters.supporters import EmailAddress

_signature, _submission = table_of(Signature), table_of(Submission)
_supporter, _tally = table_of(Supporter), table_of(PetitionTally)
# Pending rows are from before submissions.
LIVE = (SignatureState.PENDING, SignatureState.CONFIRMED)
_CREATED = sa.func.coalesce(_signature.c.confirmed_at, _signature.c.signed_at)
_CHANGED = any_after(_signature.c.changed_at)
_RECEIVED = any_after(_submission.c.received_at)


@dataclass(frozen=True, slots=True)
class SignatureFilter:
    """Filters by a petition, a supporter, or both; the caller has checked access to them."""

    petition_id: UUID | None = None
    supporter: Supporter | None = None

    def has(self, view: "SignatureView") -> bool:
        """Returns whether a signature matches."""
        return self.petition_id in (None, view.petition_id) and (
            self.supporter is None or bytes(self.supporter.email_index) == view.email_index
        )


@dataclass(frozen=True, slots=True)
class SignatureView:
    """A signature or, in the state `pending`, a submission.

    `email_index` is the blind index of the signer's address. `created_at` is when it was confirmed,
    or, while it is pending, when it was received: a copy that is kept by this time gets those who
    confirm late, and imports. `id` is the same before and after.
    """

    id: UUID
    petition_id: UUID
    email_index: bytes
    state: SignatureState
    constituency_code: str
    comment: str | None
    source: str | None
    created_at: datetime
    modified_at: datetime


def page(
    session: Session,
    filters: SignatureFilter,
    where: PageRange,
    *,
    keyring: Keyring,
    bounds: Sequence[TimeBound] = (),
) -> list[SignatureView]:
    """Returns pending and confirmed signatures, in the order in which they were received."""
    # Each branch is sorted and cut by its index: PostgreSQL would sort all rows of both together.
    branches = [
        statement.order_by("id").limit(where.offset + where.limit).subquery()
        for statement in (_signature_ids(filters, bounds), _submission_ids(filters, bounds))
    ]
    ids = sa.union_all(*(sa.select(branch.c.id) for branch in branches)).order_by("id")
    statement = _of(ids.offset(where.offset).limit(where.limit).subquery())
    return [_view(row, keyring) for row in session.connection().execute(statement)]


def total(session: Session, filters: SignatureFilter) -> int | None:
    """Returns how many signatures `page` lists without bounds; None as `counted`.

    Of a petition, confirmed ones are taken from the tally.
    """
    submissions = _submission_ids(filters, ())
    if filters.petition_id is None or filters.supporter is not None:
        return counted(session, _signature_ids(filters, ()), submissions)
    earlier = sa.select(_signature.c.id).where(
        _signature.c.petition_id == filters.petition_id,
        _signature.c.state == sa.literal_column("'pending'"),
    )
    confirmed = sa.select(sa.func.coalesce(sa.func.sum(_tally.c.confirmed), 0)).where(
        _tally.c.petition_id == filters.petition_id
    )
    return counted(session, earlier, submissions, counter=confirmed.scalar_subquery())


def get(
    session: Session, signature_id: UUID, filters: SignatureFilter, *, keyring: Keyring
) -> SignatureView:
    """Returns a matching signature in any state, or a submission also before it is sorted.

    Raises NotFound, and Unavailable for a submission that cannot be decrypted.
    """
    ids = sa.select(sa.literal(signature_id, sa.Uuid()).label("id")).subquery()
    row = session.connection().execute(_of(ids)).one()
    # A letter's submission has no petition.
    if row.petition_id is None or not filters.has(view := _view(row, keyring)):
        raise NotFound("signature_unknown", "There is no such signature.")
    return view


def posted(
    session: Session,
    submission_id: UUID,
    *,
    petition_id: UUID,
    supporter_id: UUID,
    keyring: Keyring,
) -> SignatureView | None:
    """Returns the confirmed signature of a person who has just been submitted, or the submission.

    None if the sorter has deleted the submission already, because its address gets no mail.
    """
    standing = sa.select(_signature.c.id).where(
        _signature.c.petition_id == petition_id,
        _signature.c.supporter_id == supporter_id,
        _signature.c.state == SignatureState.CONFIRMED,
    )
    standing_id = session.connection().execute(standing).scalar()
    filters = SignatureFilter(petition_id=petition_id)
    try:
        return get(session, standing_id or submission_id, filters, keyring=keyring)
    except NotFound:
        return None


def set_comment(session: Session, view: SignatureView, comment: str, *, now: datetime) -> None:
    """Replace the comment of a signature; the text is checked already, and empty removes it.

    Raises Conflict for a pending one: what people have sent is confirmed as they sent it.
    """
    if view.state is SignatureState.PENDING:
        message = "This signature is not confirmed yet. Its comment can be changed after that."
        raise Conflict("signature_pending", message)
    signature = session.get_one(Signature, view.id, populate_existing=True, with_for_update=True)
    signature.comment = Private(signature.name.organisation_id, comment) if comment else None
    signature.changed_at = now
    signature.partner_changed_at = now if signature.partner_id else None
    session.flush()


def _signature_ids(filters: SignatureFilter, bounds: Sequence[TimeBound]) -> sa.Select[UUID]:
    statement = sa.select(_signature.c.id).where(
        _signature.c.state.in_(LIVE), *conditions(bounds, created=_CREATED, modified=_CHANGED)
    )
    if filters.petition_id is not None:
        statement = statement.where(_signature.c.petition_id == filters.petition_id)
    if filters.supporter is not None:
        statement = statement.where(_signature.c.supporter_id == filters.supporter.id)
    return statement


def _submission_ids(filters: SignatureFilter, bounds: Sequence[TimeBound]) -> sa.Select[UUID]:
    statement = sa.select(_submission.c.id).where(
        # A literal, as in the partial index. What the sorter could not decrypt has no address.
        _submission.c.state != sa.literal_column("'new'"),
        _submission.c.address_index.is_not(None),
        *conditions(bounds, created=_submission.c.received_at, modified=_RECEIVED),
    )
    if filters.supporter is not None:
        statement = statement.where(
            _submission.c.address_index == filters.supporter.email_index,
            _submission.c.petition_id.is_not(None),
        )
    if filters.petition_id is not None:
        statement = statement.where(_submission.c.petition_id == filters.petition_id)
    return statement


def _of(ids: sa.Subquery) -> sa.Select[*tuple[Any, ...]]:
    """Returns the statement that reads signatures and submissions by their ids, in this order."""
    both = sa.func.coalesce
    return (
        sa.select(
            ids.c.id,
            both(_signature.c.petition_id, _submission.c.petition_id).label("petition_id"),
            both(_supporter.c.email_index, _submission.c.address_index).label("email_index"),
            both(_signature.c.constituency_code, _submission.c.constituency_code).label("code"),
            both(_signature.c.signed_at, _submission.c.received_at).label("received_at"),
            _signature.c.state,
            _signature.c.comment,
            _signature.c.source,
            _signature.c.confirmed_at,
            _signature.c.changed_at,
            # Raw, so that one damaged row does not stop the page.
            sa.type_coerce(_submission.c.payload, sa.LargeBinary).label("sealed"),
        )
        .select_from(ids)
        .outerjoin(_signature, _signature.c.id == ids.c.id)
        .outerjoin(_supporter, _supporter.c.id == _signature.c.supporter_id)
        .outerjoin(_submission, _submission.c.id == ids.c.id)
        .order_by(ids.c.id)
    )


def _view(row: Any, keyring: Keyring) -> SignatureView:
    if row.state is None:
        return _pending(row, keyring)
    return SignatureView(
        row.id,
        row.petition_id,
        bytes(row.email_index),
        row.state,
        row.code,
        row.comment.text if row.comment else None,
        row.source,
        row.confirmed_at or row.received_at,
        row.changed_at,
    )


def _pending(row: Any, keyring: Keyring) -> SignatureView:
    email_index, contents = _opened(row, keyring)
    return SignatureView(
        row.id,
        row.petition_id,
        email_index,
        SignatureState.PENDING,
        row.code,
        contents.comment if contents else None,
        contents.source if contents else None,
        row.received_at,
        row.received_at,
    )


def _opened(row: Any, keyring: Keyring) -> tuple[bytes, SignaturePayload | None]:
    """Returns the address's index and the payload of a submission; None if it does not open."""
    try:
        owner, contents = payload.open_sealed(row.sealed, keyring)
    except Unreadable:
        if row.email_index is None:
            raise payload.unreadable() from None
        return bytes(row.email_index), None
    return EmailAddress.of(owner, contents.email, keyring).index, contents
