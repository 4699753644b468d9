"""REST hooks: subscriptions to one event, made by integrations such as Zapier."""

from typing import Any
from uuid import UUID

from fastapi import Response
from sqlmodel import Session

from api.http.dependencies import Now, TheLobby, WebhooksWriter, WriteSession
from api.http.idempotency import Once, once_responses
from api.http.late_routes import Router
from api.schemas.webhook import HookAnswer, NewHookBody, Subscribable, hook_answer
from models import Scope
from services.webhooks import endpoints, payloads

router = Router(tags=["webhooks"])


@router.post(
    "/hooks",
    status_code=201,
    response_model=HookAnswer,
    responses=once_responses(has_location=True),
)
def subscribe(
    body: NewHookBody, caller: WebhooksWriter, once: Once, lobby: TheLobby, now: Now
) -> Response:
    """Subscribe a URL to one event. It becomes a webhook, which `/v1/webhooks` lists too.

    Needs a key with `webhooks:write`, and for personal data also `signatures:read`.
    """

    def create(session: Session) -> HookAnswer:
        to_loopback = lobby.webhooks.to_loopback
        created = endpoints.create(
            session, body.as_new(), caller, to_loopback=to_loopback, now=now, field="target_url"
        )
        return hook_answer(*created)

    return once.answer(create, location="/v1/webhooks/{id}", is_public=False)


@router.delete("/hooks/{webhook_id}", status_code=204)
def unsubscribe(webhook_id: UUID, caller: WebhooksWriter, session: WriteSession) -> None:
    """End a subscription.

    Needs a key with `webhooks:write`. Another organisation's subscription is a 404.
    """
    endpoints.delete(session, webhook_id, caller)


@router.get("/hooks/samples/{event}")
def list_samples(event: Subscribable, caller: WebhooksWriter) -> list[dict[str, Any]]:
    """Read a sample of an event, about invented people.

    Needs a key with `webhooks:write`. With `signatures:read` too, it contains personal data.
    """
    is_personal = Scope.SIGNATURES_READ in caller.scopes
    return [payloads.sample(event, is_personal=is_personal)]
