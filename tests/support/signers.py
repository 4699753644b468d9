"""Signers of the demonstration's petition, and the browsers that confirmed their signatures."""

from dataclasses import dataclass
from uuid import UUID

from fastapi.testclient import TestClient

from services.assembly import Lobby
from services.common.tokens import Purpose
from services.letters import letter_drafts
from services.letters.letter_drafts import StoredDraft
from tests.support.common import token_in
from tests.support.pages import Deliver, sign
from web.base.signer_cookies import COOKIE


@dataclass(frozen=True)
class Signer:
    """Somebody who has confirmed a signature. `letter` is the path of their letter's page."""

    signature_id: UUID
    token: str
    cookie: str
    withdraw: str
    disown: str

    @property
    def thanks(self) -> str:
        return f"/thanks/{self.token}"

    @property
    def letter(self) -> str:
        return f"{self.thanks}/letter"

    @property
    def check(self) -> str:
        return f"{self.letter}/check"


def confirmed_signer(client: TestClient, deliver: Deliver, lobby: Lobby, **changes: str) -> Signer:
    """Signs and confirms, without any cookie."""
    deliver()
    assert sign(client, **changes).status_code == 303
    (mail,) = deliver()
    token = token_in(mail, "confirm")
    assert client.post("/v1/signatures/confirm", json={"token": token}).status_code == 200
    signature_id = lobby.tokens.read(Purpose.CONFIRM, token)
    return Signer(
        signature_id,
        lobby.tokens.issue(Purpose.THANKS, signature_id),
        lobby.tokens.issue(Purpose.SIGNER, signature_id),
        token_in(mail, "withdraw"),
        token_in(mail, "disown"),
    )


def use_browser_of(client: TestClient, signer: Signer) -> None:
    """Makes the client the browser that confirmed the signature."""
    client.cookies.clear()
    client.cookies.set(COOKIE, signer.cookie, path=signer.thanks)


def stored_draft(lobby: Lobby, signer: Signer) -> StoredDraft:
    with lobby.database.read() as session:
        return letter_drafts.read(session, signer.signature_id)
