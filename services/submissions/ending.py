"""Deletes submissions: withdrawn, disowned, too old. Also keeps who said 'not me'."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import Campaign, OutboxMessage, Petition, Refusal, Submission, Supporter
from models.base import table_of
from services.common import times
from services.common.ids import first_id_at
from services.database.engine import upsert
from services.supporters import unknown

KEPT_FOR = timedelta(days=14)
"""How long a submission waits for its confirmation, as its mail says."""
REFUSALS_KEPT_FOR = timedelta(days=90)
SENDERS_KEPT_FOR = timedelta(hours=48)
"""The hashes of senders are for the limits of a day; some hours more are for inquiries."""
_AT_ONCE = 500
_submission, _refusal = table_of(Submission), table_of(Refusal)
_outbox, _supporter = table_of(OutboxMessage), table_of(Supporter)
_petition, _campaign = table_of(Petition), table_of(Campaign)
# Supporters whom an earlier version added for a post that became a submission: they have its date.
_CAME_WITH = sa.select(_supporter.c.id).select_from(
    _submission.outerjoin(_petition, _petition.c.id == _submission.c.petition_id)
    .outerjoin(_campaign, _campaign.c.id == _submission.c.campaign_id)
    .join(
        _supporter,
        sa.and_(
            _supporter.c.organisation_id
            == sa.func.coalesce(_petition.c.organisation_id, _campaign.c.organisation_id),
            _supporter.c.email_index == _submission.c.address_index,
            _supporter.c.created_at == _submission.c.received_at,
        ),
    )
)


class Subject(NamedTuple):
    """A petition or campaign, and the blind index of an address."""

    subject_id: UUID
    address_index: bytes


def last_day(received_at: datetime) -> date:
    """Returns the last day in London on which a submission can be confirmed until midnight."""
    return times.today(received_at + KEPT_FOR) - timedelta(days=1)


def subject_of(
    session: Session, submission_id: UUID, *, for_update: bool = False
) -> Subject | None:
    """Returns what a submission is about; None if there is no such one, or it was not sorted yet.

    Before it is sorted its address is not known.
    """
    columns = (_submission.c.petition_id, _submission.c.campaign_id, _submission.c.address_index)
    statement = sa.select(*columns).where(_submission.c.id == submission_id)
    if for_update:
        statement = statement.with_for_update()
    row = session.connection().execute(statement).first()
    if row is None or row.address_index is None:
        return None
    return Subject(row.petition_id or row.campaign_id, bytes(row.address_index))


def delete_of_same_address(session: Session, submission_id: UUID) -> Subject | None:
    """Deletes a submission and all others of its address about the same petition or campaign.

    Returns what they were about, as `subject_of` does.
    """
    subject = subject_of(session, submission_id, for_update=True)
    delete_one(session, submission_id)
    if subject is not None:
        delete(session, subject)
    return subject


def delete_one(session: Session, submission_id: UUID) -> None:
    """Deletes a submission."""
    _delete(session, _submission.c.id == submission_id)


def delete_all(session: Session, submission_ids: Sequence[UUID]) -> None:
    """Deletes submissions by their ids, if there are any."""
    if submission_ids:
        _delete(session, _submission.c.id.in_(submission_ids))


def delete(session: Session, subject: Subject) -> None:
    """Deletes all submissions of an address about a petition or campaign that were sorted."""
    of_subject = sa.or_(
        _submission.c.petition_id == subject.subject_id,
        _submission.c.campaign_id == subject.subject_id,
    )
    _delete(session, _submission.c.address_index == subject.address_index, of_subject)


def refuse(session: Session, subject: Subject, *, now: datetime) -> None:
    """Records that the owner of an address wants no mails about a petition or campaign."""
    row = {**subject._asdict(), "refused_at": now}
    upsert(session, _refusal, [row], key=["subject_id", "address_index"])


def address_id(subject: Subject) -> UUID:
    """Returns the beginning of an address's index as an id, to be put into a signed token."""
    return UUID(bytes=subject.address_index[:16])


def lift_refusal(session: Session, subject_id: UUID, address: UUID) -> None:
    """Lets mails about a petition or campaign go to an address again; see `address_id`."""
    session.connection().execute(
        sa.delete(_refusal).where(
            _refusal.c.subject_id == subject_id,
            _refusal.c.address_index >= address.bytes,
            _refusal.c.address_index <= address.bytes + b"\xff" * 32,
        )
    )


def delete_old(session: Session, *, now: datetime) -> int:
    """Deletes some submissions that were not confirmed in time; returns how many, at most 500."""
    old = (
        sa.select(_submission.c.id)
        .where(
            _submission.c.id < first_id_at(now - KEPT_FOR),
            # Who signed again in an earlier version has an id from the first time.
            _submission.c.received_at < now - KEPT_FOR,
        )
        .order_by(_submission.c.id)
        .limit(_AT_ONCE)
    )
    # A list instead of a subquery: PostgreSQL would not use the index for a subquery with a limit.
    ids = list(session.connection().execute(old).scalars())
    if ids:
        _delete(session, _submission.c.id.in_(ids))
    return len(ids)


def delete_old_refusals(session: Session, *, now: datetime) -> int:
    """Deletes refusals after 90 days; returns how many."""
    doomed = sa.delete(_refusal).where(_refusal.c.refused_at < now - REFUSALS_KEPT_FOR)
    return session.connection().execute(doomed).rowcount


def with_old_senders(session: Session, *, after: UUID | None, now: datetime) -> list[UUID]:
    """Returns the ids of messages that are 48 hours old and still have a sender's hash.

    At most 500, the oldest first; `after` is the id up to which none has one.
    """
    old = sa.select(_outbox.c.id).where(
        _outbox.c.id < first_id_at(now - SENDERS_KEPT_FOR), _outbox.c.sender_index.is_not(None)
    )
    if after is not None:
        old = old.where(_outbox.c.id > after)
    statement = old.order_by(_outbox.c.id).limit(_AT_ONCE)
    return list(session.connection().execute(statement).scalars())


def empty_senders(session: Session, message_ids: Sequence[UUID]) -> None:
    """Empties the senders' hashes of messages."""
    session.connection().execute(
        sa.update(_outbox).where(_outbox.c.id.in_(message_ids)).values(sender_index=None)
    )


def _delete(session: Session, *conditions: sa.ColumnElement[bool]) -> None:
    """Deletes submissions, and the supporters who came with them if nothing else is known."""
    supporter_ids = list(session.connection().execute(_CAME_WITH.where(*conditions)).scalars())
    session.connection().execute(sa.delete(_submission).where(*conditions))
    if supporter_ids:
        unknown.delete(session, supporter_ids)
