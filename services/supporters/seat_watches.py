"""Seat watches: requests of supporters for an email when their vacant seat has an MP again."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import (
    Campaign,
    CampaignStatus,
    Keyring,
    Membership,
    MessageKind,
    OutboxMessage,
    Petition,
    SeatWatch,
    Signature,
    SignatureState,
    Supporter,
)
from models.base import new_id, table_of
from services.database.engine import insert_ignore
from services.errors import Conflict
from services.mail import outbox
from services.mail.outbox import NewMessage
from services.mail.recipients import recipient_of
from services.parliament import seats
from services.parliament.seat_snapshots import SeatConstituency, SeatMember
from services.supporters import supporters

BATCH = 500
_watch = table_of(SeatWatch)
_campaign = table_of(Campaign)
_membership = table_of(Membership)
_outbox = table_of(OutboxMessage)
_petition = table_of(Petition)
_signature = table_of(Signature)
_supporter = table_of(Supporter)


def can_watch(
    campaign: Campaign,
    constituency: SeatConstituency | None,
    member: SeatMember | None,
) -> bool:
    """Returns whether a seat can be watched: it is known and vacant, and the campaign is open."""
    is_vacant = constituency is not None and member is None
    return is_vacant and campaign.status is CampaignStatus.OPEN


def add(session: Session, signature: Signature, *, now: datetime) -> SeatConstituency:
    """Watch the seat of a signature: its signer gets one email when it has a member again.

    A second call changes nothing. The caller must have locked the signature, so that it is not
    withdrawn meanwhile. Raises Conflict if the signature does not count, its campaign has ended,
    its seat is unknown or has a member, or its signer wants no such emails.
    """
    if signature.state is not SignatureState.CONFIRMED:
        raise Conflict("signature_not_confirmed", "Please confirm your signature first.")
    campaign_id = session.get_one(Petition, signature.petition_id).campaign_id
    if session.get_one(Campaign, campaign_id).status is not CampaignStatus.OPEN:
        raise Conflict("campaign_closed", "This campaign has ended.")
    constituency = _vacant_seat(session, signature.constituency_code, now)
    supporters.require_mail(session, signature.supporter_id, is_notice=True)
    row = {
        "id": new_id(),
        "supporter_id": signature.supporter_id,
        "campaign_id": campaign_id,
        "constituency_code": constituency.code,
        "asked_at": now,
    }
    insert_ignore(session, _watch, [row])
    return constituency


def is_waiting(session: Session, signature: Signature) -> bool:
    """Returns whether the signer watches this seat and has not been emailed yet."""
    statement = sa.select(_watch.c.id).where(
        *_open_watches_of(signature), _watch.c.constituency_code == signature.constituency_code
    )
    return session.connection().execute(statement).first() is not None


def end(session: Session, signature: Signature) -> None:
    """Delete the watches of a signature that no longer counts.

    They stay if the signer has another confirmed signature in the campaign.
    """
    session.connection().execute(
        sa.delete(_watch).where(
            *_open_watches_of(signature), ~_has_signed(_watch.c.supporter_id, _watch.c.campaign_id)
        )
    )


def end_all(session: Session, supporter_id: UUID) -> None:
    """Delete all open watches of a supporter."""
    session.connection().execute(
        sa.delete(_watch).where(_watch.c.supporter_id == supporter_id, _watch.c.told_at.is_(None))
    )


def queue_mails(session: Session, *, keyring: Keyring, now: datetime) -> int:
    """Queue an email for watches whose seats have a member today, oldest first; returns how many.

    Handles at most `BATCH` watches a call. An email over the daily limit of its address is queued
    for later. A watch stays open if its address is dead, or if its campaign is not open.
    """
    due = _due(session, now)
    notes = [
        NewMessage(MessageKind.SEAT_FILLED, watch_id, recipient_of(email, keyring))
        for watch_id, email in due
    ]
    outbox.queue(session, notes, now=now)
    queued = _with_mail(session, [watch_id for watch_id, _ in due])
    statement = sa.update(_watch).where(_watch.c.id.in_(queued)).values(told_at=now)
    session.connection().execute(statement)
    return len(queued)


def signature_of(session: Session, watch: SeatWatch) -> Signature | None:
    """Returns the newest confirmed signature of a watch's supporter in its campaign, or None.

    Signatures from the watched seat are preferred.
    """
    is_elsewhere = sa.case(
        (col(Signature.constituency_code) == watch.constituency_code, 0), else_=1
    )
    statement = (
        select(Signature)
        .join(Petition, col(Petition.id) == Signature.petition_id)
        .where(
            Petition.campaign_id == watch.campaign_id,
            Signature.supporter_id == watch.supporter_id,
            Signature.state == SignatureState.CONFIRMED,
        )
        .order_by(is_elsewhere, col(Signature.id).desc())
    )
    return session.exec(statement).first()


def _vacant_seat(session: Session, code: str, now: datetime) -> SeatConstituency:
    seat = seats.seat_of(session, code, today=now.date())
    if seat is None:
        message = "We do not know your constituency, so we cannot tell when it has an MP."
        raise Conflict("seat_unknown", message)
    if seat.member is not None:
        message = f"{seat.member.name} is MP for {seat.constituency.name}: you can write to them."
        raise Conflict("seat_not_vacant", message)
    return seat.constituency


def _due(session: Session, now: datetime) -> list[tuple[UUID, str]]:
    """Returns due watches with their email addresses, locked; other workers skip these rows."""
    today = now.date()
    ends_on = _membership.c.ends_on
    has_member = sa.exists().where(
        _membership.c.constituency_code == _watch.c.constituency_code,
        _membership.c.starts_on <= today,
        sa.or_(ends_on.is_(None), ends_on > today),
    )
    statement = (
        sa.select(_watch.c.id, _supporter.c.email)
        .join(_supporter, _supporter.c.id == _watch.c.supporter_id)
        .join(_campaign, _campaign.c.id == _watch.c.campaign_id)
        .where(
            _watch.c.told_at.is_(None),
            _campaign.c.status == CampaignStatus.OPEN,
            has_member,
            _has_signed(_watch.c.supporter_id, _watch.c.campaign_id),
        )
        .order_by(_watch.c.asked_at, _watch.c.id)
        .limit(BATCH)
        .with_for_update(of=_watch, skip_locked=True)
    )
    rows = session.connection().execute(statement)
    return [(watch_id, email.text) for watch_id, email in rows]


def _with_mail(session: Session, watch_ids: Collection[UUID]) -> list[UUID]:
    """Returns the watches that have an email: the outbox drops those to dead addresses."""
    statement = sa.select(_outbox.c.subject_id).where(
        _outbox.c.subject_id.in_(watch_ids), _outbox.c.kind == MessageKind.SEAT_FILLED
    )
    return list(session.connection().execute(statement).scalars())


def _open_watches_of(signature: Signature) -> tuple[sa.ColumnElement[bool], ...]:
    campaign_id = sa.select(_petition.c.campaign_id).where(_petition.c.id == signature.petition_id)
    return (
        _watch.c.supporter_id == signature.supporter_id,
        _watch.c.campaign_id == campaign_id.scalar_subquery(),
        _watch.c.told_at.is_(None),
    )


def _has_signed(
    supporter_id: sa.ColumnElement[UUID], campaign_id: sa.ColumnElement[UUID]
) -> sa.Exists:
    """SQL condition: the supporter has a confirmed signature in the campaign."""
    return sa.exists().where(
        _signature.c.petition_id == _petition.c.id,
        _petition.c.campaign_id == campaign_id,
        _signature.c.supporter_id == supporter_id,
        _signature.c.state == SignatureState.CONFIRMED,
    )
