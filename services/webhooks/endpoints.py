"""Webhook endpoints: the URLs that an organisation's events are sent to, and their secrets.

The API key or organiser that last created or changed an endpoint is responsible for it. A key must
be valid for deliveries to go out; when it ends, another key or an organiser can take over. So
personal data is only sent to an endpoint that somebody with access to that data has approved.
"""

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select
from standardwebhooks import Webhook

from models import (
    ApiKey,
    Campaign,
    DisabledReason,
    Organiser,
    Petition,
    Private,
    Scope,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
)
from models.base import new_id, table_of
from services.campaigns import campaigns, petitions
from services.errors import Conflict, Forbidden, Invalid, LobbyError, NotFound
from services.keys.api_keys import Caller
from services.webhooks import addresses, stops

MOST_ENDPOINTS = 100
"""The limit per organisation."""
Actor = Caller | Organiser
"""Acts for an organisation, and is responsible for the endpoints that they create or change."""
FORMER_FOR = timedelta(hours=24)
"""How long the former secret signs beside the new one."""
PREFIX = "whsec_"
SUBSCRIBABLE = tuple(event for event in WebhookEvent if event is not WebhookEvent.TEST)
_SECRET_BYTES = 32
_FILTER_FIELDS: tuple[str, ...] = ("campaign", "petition")
_PLAIN_FIELDS: tuple[str, ...] = ("is_personal", "description")
_endpoint, _delivery = table_of(WebhookEndpoint), table_of(WebhookDelivery)


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """The values of a new endpoint.

    `campaign` or `petition`, at most one of them, is the slug that events are filtered by.
    """

    url: str
    events: Sequence[WebhookEvent]
    is_personal: bool = False
    description: str = ""
    campaign: str | None = None
    petition: str | None = None


class WebhookView(NamedTuple):
    """An endpoint as its organisation sees it, with the slugs of its filter.

    `key_prefix` is that of the responsible key, or None if an organiser is responsible.
    """

    endpoint: WebhookEndpoint
    campaign: str | None
    petition: str | None
    key_prefix: str | None


def create(
    session: Session,
    new: NewWebhook,
    actor: Actor,
    *,
    to_loopback: bool,
    now: datetime,
    field: str = "url",
    endpoint_id: UUID | None = None,
) -> tuple[WebhookView, str]:
    """Add an endpoint; returns it with its secret, which is not shown again.

    `field` is the caller's name for the URL, for errors; a chosen `endpoint_id` makes retries safe.
    Raises Invalid for a bad value, Forbidden if the caller may not have personal data, and Conflict
    if the organisation has too many endpoints (`webhooks_too_many`) or has this one already
    (`webhook_made`).
    """
    url = addresses.url(new.url, field, to_loopback=to_loopback)
    if new.is_personal:
        _require_personal(actor)
    secret, owner = _new_secret(), actor.organisation_id
    _require_room(session, owner)
    endpoint = WebhookEndpoint(
        id=endpoint_id or new_id(),
        organisation_id=owner,
        **_responsible_columns(actor),
        url=Private(owner, url),
        description=new.description,
        events=_sorted(new.events),
        is_personal=new.is_personal,
        secret=Private(owner, secret),
        created_at=now,
        updated_at=now,
        **_filter_columns(session, actor, {"campaign": new.campaign, "petition": new.petition}),
    )
    _require_petition(endpoint, actor)
    _add(session, endpoint)
    return own(session, endpoint.id, actor), secret


def change(
    session: Session,
    endpoint_id: UUID,
    values: dict[str, Any],
    actor: Actor,
    *,
    to_loopback: bool,
    now: datetime,
) -> WebhookView:
    """Change the given values only: those of `NewWebhook`, and `enabled`; None removes a filter.

    Enabling an endpoint releases its held deliveries. Raises the errors of `create`, and NotFound
    for another organisation's endpoint.
    """
    endpoint = own(session, endpoint_id, actor, for_update=True).endpoint
    filters = {name: values[name] for name in _FILTER_FIELDS if name in values}
    plain = {name: values[name] for name in _PLAIN_FIELDS if name in values}
    if "url" in values:
        url = addresses.url(values["url"], to_loopback=to_loopback)
        plain["url"] = Private(actor.organisation_id, url)
    if "events" in values:
        plain["events"] = _sorted(values["events"])
    endpoint.sqlmodel_update(plain | _filter_columns(session, actor, filters))
    if endpoint.campaign_id and endpoint.petition_id:
        raise _one_filter()
    if endpoint.is_personal:
        _require_personal(actor)
    _require_petition(endpoint, actor)
    endpoint.sqlmodel_update(_responsible_columns(actor) | {"updated_at": now})
    if "enabled" in values:
        _set_enabled(endpoint, values["enabled"], now)
    session.flush()
    _hold_or_release(session, endpoint)
    return own(session, endpoint_id, actor)


def delete(session: Session, endpoint_id: UUID, actor: Actor) -> None:
    """Delete an endpoint and its deliveries. Raises NotFound for another organisation's."""
    own(session, endpoint_id, actor, for_update=True)
    connection = session.connection()
    connection.execute(sa.delete(_delivery).where(_delivery.c.endpoint_id == endpoint_id))
    connection.execute(sa.delete(_endpoint).where(_endpoint.c.id == endpoint_id))


def rotate(
    session: Session, endpoint_id: UUID, actor: Actor, *, now: datetime
) -> tuple[WebhookView, str]:
    """Replace the secret; returns the new one, which is not shown again.

    The former secret signs beside it for a day. Raises Conflict if there are two secrets already,
    because a third would end the one that receivers may still use.
    """
    endpoint = own(session, endpoint_id, actor, for_update=True).endpoint
    if endpoint.former_until is not None and endpoint.former_until > now:
        until = f"{endpoint.former_until:%Y-%m-%d at %H:%M} UTC"
        raise Conflict("secret_rotated", f"There are two secrets already, until {until}.")
    secret = _new_secret()
    endpoint.former_secret = Private(actor.organisation_id, endpoint.secret.text)
    endpoint.former_until = now + FORMER_FOR
    endpoint.secret = Private(actor.organisation_id, secret)
    endpoint.updated_at = now
    session.flush()
    return own(session, endpoint_id, actor), secret


def own(
    session: Session, endpoint_id: UUID, actor: Actor, *, for_update: bool = False
) -> WebhookView:
    """Returns an endpoint of the actor's organisation; raises NotFound for any other."""
    statement = _views(actor.organisation_id).where(WebhookEndpoint.id == endpoint_id)
    if for_update:
        statement = statement.with_for_update(of=WebhookEndpoint)
    row = session.exec(statement.execution_options(populate_existing=True)).first()
    if row is None:
        raise NotFound("webhook_unknown", "There is no such webhook.")
    return WebhookView(*row)


def of_organisation(session: Session, actor: Actor) -> list[WebhookView]:
    """Returns every endpoint of the actor's organisation, the newest first."""
    statement = _views(actor.organisation_id).order_by(col(WebhookEndpoint.id).desc())
    return [WebhookView(*row) for row in session.exec(statement)]


def message_id(delivery_id: UUID) -> str:
    """Returns the header `webhook-id` of a delivery, which is the same for all attempts."""
    return f"msg_{delivery_id.hex}"


def signed_headers(
    endpoint: WebhookEndpoint, delivery_id: UUID, content: str, *, now: datetime
) -> dict[str, str]:
    """Returns the headers of one attempt, by Standard Webhooks 1.0.0.

    They are signed with the secret and, while it is valid, with the former one.
    """
    keys = [endpoint.secret.text]
    if endpoint.former_until is not None and endpoint.former_until > now:
        keys.append(endpoint.former_secret.text)
    webhook_id = message_id(delivery_id)
    return {
        "Content-Type": "application/json",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(Webhook(key).sign(webhook_id, now, content) for key in keys),
    }


def _views(organisation_id: UUID) -> Any:
    return (
        select(WebhookEndpoint, Campaign.slug, Petition.slug, ApiKey.prefix)
        .outerjoin(ApiKey, col(ApiKey.id) == WebhookEndpoint.api_key_id)
        .outerjoin(Campaign, col(Campaign.id) == WebhookEndpoint.campaign_id)
        .outerjoin(Petition, col(Petition.id) == WebhookEndpoint.petition_id)
        .where(WebhookEndpoint.organisation_id == organisation_id)
    )


def _responsible_columns(actor: Actor) -> dict[str, Any]:
    if isinstance(actor, Caller):
        return {"api_key_id": actor.key_id, "organiser_id": None}
    return {"api_key_id": None, "organiser_id": actor.id}


def _require_personal(actor: Actor) -> None:
    # Organisers may see all signatures of their organisation anyway.
    if isinstance(actor, Caller):
        actor.require(Scope.SIGNATURES_READ)


def _add(session: Session, endpoint: WebhookEndpoint) -> None:
    try:
        with session.begin_nested():
            session.add(endpoint)
    except IntegrityError as error:
        raise Conflict("webhook_made", "This webhook has been made already.") from error


def _require_room(session: Session, organisation_id: UUID) -> None:
    statement = sa.select(sa.func.count()).where(_endpoint.c.organisation_id == organisation_id)
    if session.connection().execute(statement).scalar_one() >= MOST_ENDPOINTS:
        message = f"There are {MOST_ENDPOINTS} webhooks already: delete those that nobody needs."
        raise Conflict("webhooks_too_many", message)


def _filter_columns(session: Session, actor: Actor, slugs: dict[str, str | None]) -> dict[str, Any]:
    """Returns the columns for the given slugs; raises Invalid for another organisation's slug."""
    if slugs.get("campaign") and slugs.get("petition"):
        raise _one_filter()
    owner = actor.organisation_id
    values: dict[str, Any] = {f"{name}_id": None for name in slugs}
    for name, slug in slugs.items():
        find: Any = campaigns.own if name == "campaign" else petitions.own
        try:
            if slug:
                values[f"{name}_id"] = find(session, slug, organisation_id=owner).id
        except NotFound as error:
            raise Invalid.field(name, error.code, error.message) from error
    return values


def _require_petition(endpoint: WebhookEndpoint, actor: Actor) -> None:
    """Raises Forbidden if a key that is limited to some petitions would get events of others."""
    allowed = actor.petition_ids if isinstance(actor, Caller) else ()
    if allowed and endpoint.petition_id not in allowed:
        message = "This key is for some petitions alone: give one of them as 'petition'."
        raise Forbidden("petition_not_allowed", message)


def _one_filter() -> LobbyError:
    message = "Give a campaign or a petition, not both: a petition is of one campaign."
    return Invalid.field("petition", "two_filters", message)


def _set_enabled(endpoint: WebhookEndpoint, is_enabled: bool, now: datetime) -> None:
    if is_enabled:
        endpoint.disabled_at = endpoint.disabled_reason = None
        endpoint.failures, endpoint.failing_since, endpoint.resting_until = 0, None, None
    elif endpoint.disabled_at is None:
        endpoint.disabled_at, endpoint.disabled_reason = now, DisabledReason.BY_HAND


def _hold_or_release(session: Session, endpoint: WebhookEndpoint) -> None:
    if endpoint.disabled_at is None:
        stops.release(session, endpoint.id)
    else:
        stops.hold(session, endpoint.id)


def _sorted(events: Sequence[WebhookEvent]) -> list[str]:
    return sorted({event.value for event in events})


def _new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
