"""Webhooks: endpoints of a key's organisation, and the events that each subscribes to."""

from uuid import UUID

from fastapi import Response
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, TheLobby, WebhooksWriter, WriteSession
from api.http.idempotency import Once, once_responses
from api.http.late_routes import Router
from api.http.query_names import KNOWN_NAMES
from api.schemas.webhook import (
    NewWebhookBody,
    WebhookAnswer,
    WebhookChange,
    WebhookWithSecret,
    webhook_answer,
    with_secret,
)
from api.v1.campaigns import changes
from services.webhooks import endpoints

router = Router(tags=["webhooks"])
CLEARED_BY_NULL = {"campaign", "petition"}


@router.post(
    "/webhooks",
    status_code=201,
    response_model=WebhookWithSecret,
    responses=once_responses(has_location=True),
)
def create_webhook(
    body: NewWebhookBody, caller: WebhooksWriter, once: Once, lobby: TheLobby, now: Now
) -> Response:
    """Subscribe an endpoint to events. The answer has the secret, which is never shown again.

    Needs a key with `webhooks:write`, and for personal data also `signatures:read`.
    """

    def create(session: Session) -> WebhookWithSecret:
        to_loopback = lobby.webhooks.to_loopback
        created = endpoints.create(session, body.as_new(), caller, to_loopback=to_loopback, now=now)
        return with_secret(*created)

    return once.answer(create, location="/v1/webhooks/{id}", is_public=False)


@router.get("/webhooks", dependencies=[KNOWN_NAMES])
def list_webhooks(caller: WebhooksWriter, session: ReadSession) -> list[WebhookAnswer]:
    """List the endpoints of the key's organisation, newest first.

    Needs a key with `webhooks:write`.
    """
    return [webhook_answer(view) for view in endpoints.of_organisation(session, caller)]


@router.get("/webhooks/{webhook_id}")
def read_webhook(webhook_id: UUID, caller: WebhooksWriter, session: ReadSession) -> WebhookAnswer:
    """Read an endpoint.

    Needs a key with `webhooks:write`. Another organisation's endpoint is a 404.
    """
    return webhook_answer(endpoints.own(session, webhook_id, caller))


@router.patch("/webhooks/{webhook_id}")
def change_webhook(
    webhook_id: UUID,
    body: WebhookChange,
    caller: WebhooksWriter,
    session: WriteSession,
    lobby: TheLobby,
    now: Now,
) -> WebhookAnswer:
    """Change the given fields of an endpoint. This key is responsible for it from then on.

    Enabling an endpoint sends the deliveries that were held back. Needs a key with
    `webhooks:write`, and with `signatures:read` if the endpoint gets personal data. Another
    organisation's endpoint is a 404.
    """
    values = changes(body, keep=CLEARED_BY_NULL)
    if "personal_data" in values:
        values["is_personal"] = values.pop("personal_data")
    to_loopback = lobby.webhooks.to_loopback
    view = endpoints.change(session, webhook_id, values, caller, to_loopback=to_loopback, now=now)
    return webhook_answer(view)


@router.delete("/webhooks/{webhook_id}", status_code=204)
def delete_webhook(webhook_id: UUID, caller: WebhooksWriter, session: WriteSession) -> None:
    """Delete an endpoint with its log.

    Needs a key with `webhooks:write`. Another organisation's endpoint is a 404.
    """
    endpoints.delete(session, webhook_id, caller)


@router.post(
    "/webhooks/{webhook_id}/secret", response_model=WebhookWithSecret, responses=once_responses(200)
)
def rotate_secret(webhook_id: UUID, caller: WebhooksWriter, once: Once, now: Now) -> Response:
    """Make a new secret, which is never shown again. The old one still signs for 24 hours.

    Needs a key with `webhooks:write`. Another organisation's endpoint is a 404.
    """

    def rotate(session: Session) -> WebhookWithSecret:
        return with_secret(*endpoints.rotate(session, webhook_id, caller, now=now))

    return once.answer(rotate, status=200, is_public=False)
