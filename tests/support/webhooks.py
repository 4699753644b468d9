"""Webhook endpoints made through the API, and signatures that they are notified of."""

from typing import Any
from uuid import UUID

from fastapi.testclient import TestClient

from models import WebhookEvent
from services.assembly import Lobby
from services.signatures.recording import SignatureRequest
from tests.support import signatures
from tests.support.common import CAN_SIGN, PETITION
from tests.support.keys import Headers

HOOKS = "/v1/webhooks"
CONFIRMED = WebhookEvent.SIGNATURE_CONFIRMED.value
ANNA = SignatureRequest(PETITION, "Anna Example", "anna@example.org", CAN_SIGN, updates=True)


def create_webhook(client: TestClient, key: Headers, url: str, **parts: Any) -> Any:
    body = {"url": url, "events": [CONFIRMED]} | parts
    answer = client.post(HOOKS, json=body, headers=key)
    assert answer.status_code == 201, answer.text
    return answer.json()


def sign_and_confirm(lobby: Lobby, *requests: SignatureRequest) -> list[UUID]:
    """Records and confirms signatures; returns their ids."""
    return signatures.sign_and_confirm(lobby, *(requests or (ANNA,)))


def change_webhook(client: TestClient, key: Headers, made: Any, **values: Any) -> Any:
    return client.patch(f"{HOOKS}/{made['id']}", json=values, headers=key)
