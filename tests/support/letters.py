"""Letters of the demonstration in states that are hard to reach, and signers who write letters."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fastapi.testclient import TestClient
from sqlmodel import col, select

from models import Letter, LetterState, LetterTally, MessageKind, MessageState, OutboxMessage
from services.assembly import Lobby
from services.common.tokens import Purpose
from services.letters import letter_drafts
from services.letters.letter_drafts import StoredDraft
from tests.support.common import token_in
from tests.support.pages import Deliver, sign
from web.base.signer_cookies import COOKIE

ENDS = {
    LetterState.QUEUED: MessageState.QUEUED,
    LetterState.REJECTED: MessageState.REJECTED,
    LetterState.UNCERTAIN: MessageState.UNCERTAIN,
    LetterState.HELD: MessageState.DROPPED,
}


def letters_of(lobby: Lobby) -> list[tuple[Letter, OutboxMessage]]:
    """Returns all letters with their messages, the oldest first."""
    statement = (
        select(Letter, OutboxMessage)
        .join(OutboxMessage, col(OutboxMessage.subject_id) == Letter.id)
        .where(OutboxMessage.kind == MessageKind.LETTER)
        .order_by(col(Letter.id))
    )
    with lobby.database.read() as session:
        return [(letter, message) for letter, message in session.exec(statement)]


def put_into_state(
    lobby: Lobby, place: int, state: LetterState, *, letter: Any = None, message: Any = None
) -> tuple[Letter, OutboxMessage]:
    """Puts the letter at a place into a state, as if it had never been sent and counted.

    `letter` and `message` are further values of its row and of its message's row.
    """
    before, message_before = letters_of(lobby)[place]
    detail = "no answer" if state is LetterState.UNCERTAIN else None
    with lobby.database.write() as session:
        row = session.get_one(Letter, before.id)
        message_row = session.get_one(OutboxMessage, message_before.id)
        if row.state is LetterState.SENT:
            key = (row.campaign_id, row.motion_id or 0, row.constituency_code)
            session.get_one(LetterTally, key).sent -= 1
        values = {"state": state, "sent_at": None, "reason": detail}
        row.sqlmodel_update(values | (letter or {}))
        message_row.sqlmodel_update({"state": ENDS[state], "detail": detail} | (message or {}))
    return letters_of(lobby)[place]


def uncertain_letter(lobby: Lobby, place: int, at: datetime) -> tuple[Letter, OutboxMessage]:
    """Makes the letter at a place uncertain after an attempt of one minute that ended at `at`."""
    attempt = {"claimed_at": at - timedelta(minutes=1), "finished_at": at}
    return put_into_state(lobby, place, LetterState.UNCERTAIN, message=attempt)


def sent_in_tally(lobby: Lobby) -> int:
    """Returns the letters that the tallies count as sent."""
    with lobby.database.read() as session:
        return sum(row.sent for row in session.exec(select(LetterTally)))


def sent(lobby: Lobby) -> int:
    """Returns the letters whose own state is sent."""
    return sum(letter.state is LetterState.SENT for letter, _ in letters_of(lobby))


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
