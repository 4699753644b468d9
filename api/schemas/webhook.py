"""Bodies of webhooks: endpoints, their secrets, and the log of deliveries."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from api.schemas.fields import Answer, Request, Slug, line
from models import DeliveryState, DisabledReason, WebhookDelivery, WebhookEvent
from services.webhooks import endpoints
from services.webhooks.endpoints import NewWebhook, WebhookView

# All but `webhook.test`, which is sent on request only.
Subscribable = Literal[
    WebhookEvent.SIGNATURE_CONFIRMED,
    WebhookEvent.SIGNATURE_WITHDRAWN,
    WebhookEvent.LETTER_SENT,
    WebhookEvent.LETTER_ANSWERED,
    WebhookEvent.MOTION_SIGNED,
    WebhookEvent.MOTION_WITHDRAWN,
    WebhookEvent.MOTION_LAPSED,
    WebhookEvent.PETITION_GOAL_REACHED,
    WebhookEvent.SUPPORTER_PREFERENCES_CHANGED,
]
Events = Annotated[list[Subscribable], Field(min_length=1, max_length=20)]
Url = Annotated[
    str, Field(description="https on port 443, to a server on the public internet", max_length=2000)
]
Description = Annotated[str, line(200, shortest=0)]


class NewWebhookBody(Request):
    """A new endpoint.

    `personal_data` adds data about signers, and needs a key with `signatures:read`. `campaign` or
    `petition` limits it to events of that one. You can give one of the two at most.
    """

    url: Url
    events: Events
    personal_data: bool = False
    description: Description = ""
    campaign: Slug | None = None
    petition: Slug | None = None

    def as_new(self) -> NewWebhook:
        values = self.model_dump(exclude={"personal_data"})
        return NewWebhook(**values, is_personal=self.personal_data)


class WebhookChange(Request):
    """The fields to change. Others stay as they are. `null` removes `campaign` or `petition`."""

    url: Url | None = None
    events: Events | None = None
    personal_data: bool | None = None
    description: Description | None = None
    campaign: Slug | None = None
    petition: Slug | None = None
    enabled: bool | None = None


class NewHookBody(Request):
    """A subscription by REST hook: a URL for one event."""

    target_url: Url
    event: Subscribable
    personal_data: bool = False
    campaign: Slug | None = None
    petition: Slug | None = None

    def as_new(self) -> NewWebhook:
        return NewWebhook(
            url=self.target_url,
            events=[self.event],
            is_personal=self.personal_data,
            description="REST hook",
            campaign=self.campaign,
            petition=self.petition,
        )


class WebhookAnswer(Answer):
    """An endpoint of the key's organisation.

    `key` is the prefix of the key that is responsible for it, or null if an organiser is.
    `failing_since`: no delivery has succeeded since then.
    """

    id: UUID
    url: str
    events: list[WebhookEvent]
    personal_data: bool
    description: str
    campaign: str | None
    petition: str | None
    key: str | None
    enabled: bool
    disabled_at: datetime | None
    disabled_reason: DisabledReason | None
    failing_since: datetime | None
    former_secret_until: datetime | None
    created_at: datetime
    updated_at: datetime


class WebhookWithSecret(WebhookAnswer):
    """An endpoint with its secret, which is never shown again."""

    secret: str


class HookAnswer(Answer):
    """A subscription, with the secret that its deliveries are signed with."""

    id: UUID
    target_url: str
    event: WebhookEvent
    secret: str


class DeliveryAnswer(Answer):
    """A delivery, without its payload.

    `webhook_id` is the header by which a receiver recognises a repeated delivery.
    `next_attempt_at` is null unless the delivery is queued.
    """

    id: UUID
    webhook_id: str
    event: WebhookEvent
    state: DeliveryState
    attempts: int
    response_status: int | None
    error: str | None
    created_at: datetime
    attempted_at: datetime | None
    next_attempt_at: datetime | None
    finished_at: datetime | None


def webhook_answer(view: WebhookView) -> WebhookAnswer:
    """Converts the view of an endpoint."""
    return WebhookAnswer(**_fields(view))


def with_secret(view: WebhookView, secret: str) -> WebhookWithSecret:
    """Converts the view of an endpoint, with its secret."""
    return WebhookWithSecret(**_fields(view), secret=secret)


def hook_answer(view: WebhookView, secret: str) -> HookAnswer:
    """Converts the view of an endpoint for one event."""
    endpoint = view.endpoint
    (event,) = endpoint.events
    return HookAnswer(
        id=endpoint.id, target_url=endpoint.url.text, event=WebhookEvent(event), secret=secret
    )


def delivery_answer(delivery: WebhookDelivery) -> DeliveryAnswer:
    """Converts a delivery."""
    is_waiting = delivery.state is DeliveryState.QUEUED
    plain = {"id", "event", "state", "response_status", "error", "created_at", "finished_at"}
    return DeliveryAnswer(
        **delivery.model_dump(include=plain),
        webhook_id=endpoints.message_id(delivery.id),
        attempts=delivery.attempt,
        attempted_at=delivery.claimed_at,
        next_attempt_at=delivery.due_at if is_waiting else None,
    )


def delivery_answers(deliveries: Iterable[WebhookDelivery]) -> list[DeliveryAnswer]:
    return [delivery_answer(delivery) for delivery in deliveries]


def _fields(view: WebhookView) -> dict[str, Any]:
    endpoint = view.endpoint
    plain = {"id", "events", "description", "disabled_at", "disabled_reason", "failing_since"}
    return {
        **endpoint.model_dump(include=plain | {"created_at", "updated_at"}),
        "url": endpoint.url.text,
        "personal_data": endpoint.is_personal,
        "campaign": view.campaign,
        "petition": view.petition,
        "key": view.key_prefix,
        "enabled": endpoint.disabled_at is None,
        "former_secret_until": endpoint.former_until,
    }
