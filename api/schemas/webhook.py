"""Webhooks: endpoints, their secrets, and the log of what they were told."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from api.schemas.fields import Answer, Request, Slug, line
from models import DeliveryState, DisabledReason, WebhookDelivery, WebhookEvent
from services.webhooks import endpoints
from services.webhooks.endpoints import NewWebhook, WebhookView

# All but the test, which goes only where somebody asks for it.
Subscribable = Literal[
    WebhookEvent.SIGNATURE_CONFIRMED,
    WebhookEvent.SIGNATURE_WITHDRAWN,
    WebhookEvent.LETTER_SENT,
    WebhookEvent.LETTER_ANSWERED,
    WebhookEvent.MOTION_SIGNED,
    WebhookEvent.MOTION_WITHDRAWN,
    WebhookEvent.MOTION_LAPSED,
    WebhookEvent.PETITION_GOAL_REACHED,
]
Events = Annotated[list[Subscribable], Field(min_length=1, max_length=20)]
Url = Annotated[
    str, Field(description="https, port 443, a server in the open internet", max_length=2000)
]
Description = Annotated[str, line(200, shortest=0)]


class NewWebhookBody(Request):
    """An endpoint. `personal_data` adds who signed, and needs a key with `signatures:read`;
    `campaign` or `petition`, of which one at most is given, limit it to what is about that."""

    url: Url
    events: Events
    personal_data: bool = False
    description: Description = ""
    campaign: Slug | None = None
    petition: Slug | None = None

    def as_new(self) -> NewWebhook:
        """As the services take it."""
        given = self.model_dump(exclude={"personal_data"})
        return NewWebhook(**given, is_personal=self.personal_data)


class WebhookChange(Request):
    """What is to change; what is left out stays. `null` takes a filter away."""

    url: Url | None = None
    events: Events | None = None
    personal_data: bool | None = None
    description: Description | None = None
    campaign: Slug | None = None
    petition: Slug | None = None
    enabled: bool | None = None


class NewHookBody(Request):
    """A subscription as REST hooks have it: one address for one event."""

    target_url: Url
    event: Subscribable
    personal_data: bool = False
    campaign: Slug | None = None
    petition: Slug | None = None

    def as_new(self) -> NewWebhook:
        """As the services take it."""
        return NewWebhook(
            url=self.target_url,
            events=[self.event],
            is_personal=self.personal_data,
            description="REST hook",
            campaign=self.campaign,
            petition=self.petition,
        )


class WebhookAnswer(Answer):
    """An endpoint of the key's own organisation. `key` is the prefix of the key that answers for
    it, null where an organiser does. `failing_since`: of no delivery since then was a good answer
    given."""

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
    """With the secret, which is never shown again."""

    secret: str


class HookAnswer(Answer):
    """A subscription, with the secret that its deliveries are signed with."""

    id: UUID
    target_url: str
    event: WebhookEvent
    secret: str


class DeliveryAnswer(Answer):
    """A delivery: never what was said. `webhook_id` is the header by which a receiver knows it
    again; `next_attempt_at` only while it waits."""

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
    """From the view of an endpoint."""
    return WebhookAnswer(**_told(view))


def with_secret(view: WebhookView, secret: str) -> WebhookWithSecret:
    """The same, once."""
    return WebhookWithSecret(**_told(view), secret=secret)


def hook_answer(view: WebhookView, secret: str) -> HookAnswer:
    """From the view of an endpoint for one event."""
    endpoint = view.endpoint
    (event,) = endpoint.events
    return HookAnswer(
        id=endpoint.id, target_url=endpoint.url.text, event=WebhookEvent(event), secret=secret
    )


def delivery_answer(delivery: WebhookDelivery) -> DeliveryAnswer:
    """From a delivery."""
    is_waiting = delivery.state is DeliveryState.QUEUED
    plain = {"id", "event", "state", "response_status", "error", "created_at", "finished_at"}
    return DeliveryAnswer(
        **delivery.model_dump(include=plain),
        webhook_id=endpoints.message_id(delivery.id),
        attempts=delivery.attempt,
        attempted_at=delivery.claimed_at,
        next_attempt_at=delivery.due_at if is_waiting else None,
    )


def delivery_answers(found: Iterable[WebhookDelivery]) -> list[DeliveryAnswer]:
    """From deliveries."""
    return [delivery_answer(each) for each in found]


def _told(view: WebhookView) -> dict[str, Any]:
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
