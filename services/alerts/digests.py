"""Makes the digests that are due.

A digest, its message in the outbox and the note that it is told are one transaction: after a crash
either all of them are there or none, and the next round makes the digest.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, delete, select

from models import AlertChoice, AlertDigest, AlertInterval, MessageKind, Organiser
from services.alerts import composing, facts, moments
from services.alerts.news import News, from_stored
from services.mail import dead_addresses, outbox
from services.mail.outbox import NewMessage
from services.mail.pacing import Pace
from services.mail.recipients import Recipient
from services.organisations import organisers

KEPT = timedelta(days=30)


def due(session: Session, *, now: datetime) -> list[UUID]:
    """Returns the ids of the organisations of the organisers whose interval is over."""
    statement = (
        select(Organiser.organisation_id)
        .join(AlertChoice, col(AlertChoice.organiser_id) == Organiser.id)
        .where(_is_due(now))
        .distinct()
    )
    return sorted(session.exec(statement))


def make_due(session: Session, organisation_id: UUID, *, pace: Pace, now: datetime) -> int:
    """Makes and queues the digests of an organisation that are due; returns how many.

    `pace` has the quiet hours of letters. Several workers may call it: each interval of an
    organiser is told once. Somebody who was told while a clock was ahead is told from now on.
    """
    organisers.lock(session, organisation_id)  # first, as where somebody is removed
    rows = _locked(session, organisation_id, now)
    current = [(choice, organiser) for choice, organiser in rows if choice.told_at <= now]
    for choice, _ in rows:
        choice.told_at = min(choice.told_at, now)
    if not current:
        return 0
    ends = {every: moments.tells_until(every, now) for every in AlertInterval}
    found = facts.of_organisation(
        session,
        organisation_id,
        since=min(choice.told_at for choice, _ in current),
        until=max(ends.values()),
        pace=pace,
        now=now,
    )
    made = []
    for choice, organiser in current:
        told = composing.compose(choice, found, until=ends[choice.every])
        choice.told_at, choice.told = ends[choice.every], told.told
        if told.news:
            made.append((organiser, _digest(organiser, told.news, now)))
    session.add_all([digest for _, digest in made])
    session.flush()
    _queue(session, made, now)
    return len(made)


def latest(session: Session, organiser_id: UUID, *, limit: int) -> list[AlertDigest]:
    """Returns the last digests of an organiser, the newest first."""
    statement = select(AlertDigest).where(AlertDigest.organiser_id == organiser_id)
    newest = statement.order_by(col(AlertDigest.created_at).desc(), col(AlertDigest.id).desc())
    return list(session.exec(newest.limit(limit)))


def news_of(digest: AlertDigest) -> list[News]:
    """Returns the news in a digest, the most important first."""
    return [from_stored(item) for item in digest.content["news"]]


def forget_old(session: Session, *, now: datetime) -> None:
    """Delete the digests that are older than 30 days."""
    session.exec(delete(AlertDigest).where(col(AlertDigest.created_at) < now - KEPT))


def _is_due(now: datetime) -> sa.ColumnElement[bool]:
    told_at, every = col(AlertChoice.told_at), col(AlertChoice.every)
    is_over = (
        sa.and_(every == interval, told_at < moments.tells_until(interval, now))
        for interval in AlertInterval
    )
    return sa.or_(*is_over, told_at > now)


def _locked(
    session: Session, organisation_id: UUID, now: datetime
) -> Sequence[tuple[AlertChoice, Organiser]]:
    statement = (
        select(AlertChoice, Organiser)
        .join(Organiser, col(Organiser.id) == AlertChoice.organiser_id)
        .where(Organiser.organisation_id == organisation_id, _is_due(now))
        .order_by(col(Organiser.id))
        .with_for_update(of=AlertChoice)
    )
    return session.exec(statement).all()


def _digest(organiser: Organiser, news: Sequence[News], now: datetime) -> AlertDigest:
    content = {"news": [item.stored() for item in news]}
    return AlertDigest(organiser_id=organiser.id, content=content, created_at=now)


def _queue(session: Session, made: Sequence[tuple[Organiser, AlertDigest]], now: datetime) -> None:
    """Queues the emails. No limit holds them back: their organisers asked for them."""
    indexes = {organiser.email_index for organiser, _ in made}
    dead = dead_addresses.dead_indexes(session, indexes) if indexes else set()
    messages = [
        NewMessage(
            MessageKind.ALERT_DIGEST,
            digest.id,
            Recipient(organiser.email_index, organiser.email_index),
        )
        for organiser, digest in made
        if organiser.email_index not in dead
    ]
    outbox.insert(session, messages, now=now)
