"""What home has to know of an organisation and of the organiser who looks, in one statement."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from models import (
    AccountEvent,
    AccountEventKind,
    Constituency,
    DisabledReason,
    Invitation,
    Membership,
    Organiser,
    OrganiserSession,
    PrivacyNotice,
    Role,
    SecondStep,
    WebhookEndpoint,
)
from models.base import UtcDateTime

_VISITS = (AccountEventKind.SIGNED_IN, AccountEventKind.SIGNED_OUT)
_organisation_id = sa.bindparam("organisation_id", type_=sa.Uuid())
_organiser_id = sa.bindparam("organiser_id", type_=sa.Uuid())
_session_id = sa.bindparam("session_id", type_=sa.Uuid())
_now = sa.bindparam("now", type_=UtcDateTime())


@dataclass(frozen=True, slots=True)
class Facts:
    """What an organisation has, and when the organiser was here before this session.

    `stopped_webhooks` counts the endpoints that the service itself disabled. `has_second_step` is
    about the organiser. `previous_visit` is None if no earlier one is known.
    """

    owners: int
    organisers: int
    invitations: int
    has_notice: bool
    has_second_step: bool
    stopped_webhooks: int
    seats: int
    members: int
    previous_visit: datetime | None


def of_organiser(
    session: Session, organiser: Organiser, *, session_id: UUID, now: datetime
) -> Facts:
    """Returns the facts. `session_id` is that of the browser's session."""
    values = {
        "organisation_id": organiser.organisation_id,
        "organiser_id": organiser.id,
        "session_id": session_id,
        "now": now,
    }
    facts = dict(session.connection().execute(_FACTS, values).one()._mapping)
    visits = (facts.pop("signed_in_at"), facts.pop("seen_at"))
    return Facts(**facts, previous_visit=max(filter(None, visits), default=None))


def _count(column: Any, *conditions: Any) -> sa.ScalarSelect[int]:
    return sa.select(sa.func.count(column)).where(*conditions).scalar_subquery()


def _last(column: Any, *conditions: Any) -> sa.ScalarSelect[Any]:
    return sa.select(sa.func.max(column, type_=UtcDateTime())).where(*conditions).scalar_subquery()


_BEGAN = (
    sa.select(col(OrganiserSession.created_at))
    .where(col(OrganiserSession.id) == _session_id)
    .scalar_subquery()
)
_FACTS = sa.select(
    _count(
        col(Organiser.id),
        col(Organiser.organisation_id) == _organisation_id,
        col(Organiser.role) == Role.OWNER,
    ).label("owners"),
    _count(col(Organiser.id), col(Organiser.organisation_id) == _organisation_id).label(
        "organisers"
    ),
    _count(
        col(Invitation.id),
        col(Invitation.organisation_id) == _organisation_id,
        col(Invitation.expires_at) > _now,
    ).label("invitations"),
    sa.exists().where(col(PrivacyNotice.organisation_id) == _organisation_id).label("has_notice"),
    sa.exists()
    .where(col(SecondStep.organiser_id) == _organiser_id, col(SecondStep.confirmed_at).is_not(None))
    .label("has_second_step"),
    _count(
        col(WebhookEndpoint.id),
        col(WebhookEndpoint.organisation_id) == _organisation_id,
        col(WebhookEndpoint.disabled_at).is_not(None),
        col(WebhookEndpoint.disabled_reason) != DisabledReason.BY_HAND,
    ).label("stopped_webhooks"),
    _count(col(Constituency.code)).label("seats"),
    _count(col(Membership.id), col(Membership.ends_on).is_(None)).label("members"),
    _last(
        col(AccountEvent.at),
        col(AccountEvent.organiser_id) == _organiser_id,
        col(AccountEvent.kind).in_(_VISITS),
        col(AccountEvent.at) < _BEGAN,
    ).label("signed_in_at"),
    _last(
        col(OrganiserSession.seen_at),
        col(OrganiserSession.organiser_id) == _organiser_id,
        col(OrganiserSession.created_at) < _BEGAN,
        col(OrganiserSession.seen_at) < _BEGAN,
    ).label("seen_at"),
)
