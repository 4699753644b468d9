"""Webhooks as REST hooks: how Zapier and others subscribe by themselves, to one event each."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from sqlmodel import Session

from api.http.dependencies import Now, TheLobby, WebhooksWriter, WriteSession
from api.http.idempotency import Once, answers
from api.schemas.webhook import HookAnswer, NewHookBody, Subscribable, hook_answer
from models import Scope
from services.webhooks import endpoints, payloads

router = APIRouter(tags=["webhooks"])


@router.post("/hooks", status_code=201, response_model=HookAnswer, responses=answers())
def subscribe(
    body: NewHookBody, caller: WebhooksWriter, once: Once, lobby: TheLobby, now: Now
) -> Response:
    """Subscribe an address to one event. Needs a key with `webhooks:write`, and for personal data
    also `signatures:read`. It is a webhook like others, and is found at `/v1/webhooks` too."""

    def create(session: Session) -> HookAnswer:
        to_loopback = lobby.webhooks.to_loopback
        made = endpoints.create(
            session, body.as_new(), caller, to_loopback=to_loopback, now=now, field="target_url"
        )
        return hook_answer(*made)

    return once.answer(create, is_public=False)


@router.delete("/hooks/{webhook_id}", status_code=204)
def unsubscribe(webhook_id: UUID, caller: WebhooksWriter, session: WriteSession) -> None:
    """End a subscription. Needs a key with `webhooks:write`; another's is a 404."""
    endpoints.delete(session, webhook_id, caller)


@router.get("/hooks/samples/{event}")
def list_samples(event: Subscribable, caller: WebhooksWriter) -> list[dict[str, Any]]:
    """What an event looks like, with everybody in it invented: with personal data for keys with
    `signatures:read`. Needs a key with `webhooks:write`."""
    is_personal = Scope.SIGNATURES_READ in caller.scopes
    return [payloads.sample(event, is_personal=is_personal)]
