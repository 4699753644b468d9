"""Signatures and letters whose mails wait in the outbox, and their delivery."""

from typing import Any
from uuid import UUID

from sqlmodel import Session

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


def submit_letter(lobby: Lobby, **values: Any) -> TakenLetter:
    """Writes a letter, which nobody has confirmed; `values` as in `submit_letter_in`."""
    with lobby.database.write() as session:
        return submit_letter_in(session, lobby, **values)


def submit_letter_in(
    session: Session,
    lobby: Lobby,
    *,
    email: str = "anna@example.org",
    postcode: str = CAN_SIGN,
    body: str = LETTER_BODY,
    sender: bytes | None = None,
    proof: UUID | None = None,
    **more: Any,
) -> TakenLetter:
    """Writes a letter in a transaction of the caller's. `more` are values of a `NewLetter`."""
    now, keyring = lobby.clock(), lobby.keyring
    values = {"name": "Anna Example", "subject": "A subject"} | more
    address = intake.PostalAddress("1 Example Street", "Anytown", postcode)
    new = NewLetter(email=email, address=address, body=body, **values)
    campaign, answer = campaigns.public(session, CAMPAIGN), lobby.postcodes.lookup(postcode)
    situation = situations.of_postcode(session, campaign, answer, keyring=keyring, now=now)
    return intake.take_in(
        session, situation, new, keyring=keyring, now=now, sender_index=sender, proof=proof
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
