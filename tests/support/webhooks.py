"""Webhook endpoints made through the API, and signatures that they are notified of."""

from typing import Any
from uuid import UUID

from fastapi.testclient import TestClient

from models import WebhookEvent
from services.assembly import Lobby
from services.signatures import confirming, recording
from services.signatures.recording import SignatureRequest
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
    with lobby.database.write() as session:
        outcomes = recording.record(
            session,
            requests or (ANNA,),
            postcodes=lobby.postcodes.lookup,
            keyring=lobby.keyring,
            now=lobby.clock(),
        )
        ids = [outcome.signature_id for outcome in outcomes if outcome.signature_id]
        confirming.confirm_all(session, ids, keyring=lobby.keyring, now=lobby.clock())
    return ids


def change_webhook(client: TestClient, key: Headers, made: Any, **values: Any) -> Any:
    return client.patch(f"{HOOKS}/{made['id']}", json=values, headers=key)
