"""Signatures and letters whose mails wait in the outbox, and their delivery."""

from typing import Any
from uuid import UUID

import worker
from models import (
    Letter,
)
from services.assembly import Lobby
from services.campaigns import campaigns
from services.letters import confirmed_letters, intake
from services.letters.drafting import situations
from services.letters.intake import NewLetter, TakenLetter
from services.signatures.recording import SignatureRequest
from tests.support import signatures
from tests.support.common import CAMPAIGN, CAN_SIGN, PETITION

LETTER_BODY = "Dear MP,\n\nPlease sign.\n.\n..dots\nand a very long line: " + "word " * 300


def sign(lobby: Lobby, email: str = "anna@example.org") -> None:
    """Signs, so that a mail is queued."""
    signatures.sign_and_sort(lobby, SignatureRequest(PETITION, "Anna Example", email, CAN_SIGN))


def submit_letter(
    lobby: Lobby,
    *,
    email: str = "anna@example.org",
    postcode: str = CAN_SIGN,
    body: str = LETTER_BODY,
    sender: bytes | None = None,
    proof: UUID | None = None,
    **more: Any,
) -> TakenLetter:
    """Writes a letter, which nobody has confirmed. `more` are further values of a `NewLetter`."""
    now = lobby.clock()
    values = {"name": "Anna Example", "subject": "A subject"} | more
    address = intake.PostalAddress("1 Example Street", "Anytown", postcode)
    new = NewLetter(email=email, address=address, body=body, **values)
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        situation = situations.of_postcode(
            session, campaign, lobby.postcodes.lookup(postcode), keyring=lobby.keyring, now=now
        )
        return intake.take_in(
            session,
            situation,
            new,
            keyring=lobby.keyring,
            now=now,
            sender_index=sender,
            proof=proof,
        )


def confirm_letter(lobby: Lobby, letter_id: UUID) -> Letter:
    """Confirms a submitted letter; raises what `confirmed_letters.confirm` raises."""
    with lobby.database.write() as session:
        return confirmed_letters.confirm(
            session, letter_id, keyring=lobby.keyring, now=lobby.clock()
        )


def write_letter(lobby: Lobby, **values: Any) -> Letter:
    """Writes and confirms a letter, so that it is queued; returns it."""
    return confirm_letter(lobby, submit_letter(lobby, **values).id)


def deliver_due(lobby: Lobby) -> None:
    """Sorts and delivers what is due."""
    worker.sort_submissions(lobby)
    while worker.deliver_due(lobby):
        pass
